"""Equations, values and velocities are pointwise; what mixes points is refused with what to write instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.calling import FailedFunctionError
from pinnlab.declaration.locality import depends_on_other_points

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))


def heat(extra: Callable[..., Any]) -> pl.Problem:
    return pl.Problem(BOX, "u", lambda u, x: u.t - u.xx + extra(u, x))


MIXING: dict[str, Callable[..., Any]] = {
    "mean": lambda u, x: torch.mean(u),
    "sum of a product": lambda u, x: u * torch.sum(u.x),
    "cumulative sum": lambda u, x: torch.cumsum(u, 0),
    "largest": lambda u, x: torch.max(u),
    "norm": lambda u, x: torch.linalg.norm(u),
    "fft": lambda u, x: torch.real(torch.fft.fft(u)),
    "shift": lambda u, x: torch.roll(u, 1),
    "ranks": lambda u, x: torch.argsort(u),
    "mean of the points": lambda u, x: u * torch.mean(x),
    "spread of detached values": lambda u, x: u * u.value.detach().std(),
}


@pytest.mark.parametrize("case", MIXING)
def test_equations_that_mix_points_are_refused(case: str) -> None:
    with pytest.raises(
        ValueError, match="equations see one point at a time.*an extra unknown with an equation of its own"
    ):
        heat(MIXING[case])


def test_sorting_returns_several_tensors_and_is_refused() -> None:
    with pytest.raises(TypeError, match="equations see one point at a time"):
        heat(lambda u, x: torch.sort(u)[0])


def test_pointwise_equations_may_stack_and_look_up() -> None:
    table = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    heat(lambda u, x: torch.linalg.norm(torch.stack([u.x, u]), dim=0))
    heat(lambda u, x: table[(x * 3).long().clamp(0, 2)] * u)
    heat(lambda u, x: np.sin(u) + np.float64(2.0) * u + torch.where(u == 0, 1.0, u))


def test_a_diagonal_jacobian() -> None:
    jet = torch.linspace(1.0, 2.0, 5, dtype=torch.float64, requires_grad=True)
    for residual, mixes in ((jet**3, False), (jet * jet.flip(0), True), (jet.mean() + 0 * jet, True)):
        gradients = torch.autograd.grad(residual.sum(), [jet], retain_graph=True)
        assert depends_on_other_points(residual, [jet], gradients) is mixes


def test_values_and_velocities_that_mix_points_are_refused() -> None:
    for value in (lambda x: x - x.mean(), lambda x: torch.cumsum(x, 0)):
        with pytest.raises(ValueError, match=r"Initial\(u=<lambda>\) \(initial u\) at one point depends on the other"):
            pl.Problem(BOX, "u", lambda u: u.t - u.xx, pl.Initial(u=value))
        with pytest.raises(ValueError, match=r"parameters\['k'\].* depends on the other points"):
            pl.Problem(BOX, "u", lambda u: u.t - u.xx, parameters={"k": value})
    with pytest.raises(ValueError, match="velocity along 'x'.* depends on the other points"):
        pl.Problem(BOX, "u", lambda u: u.t + u * u.x, velocity=lambda u: u - torch.mean(u))


@pytest.mark.parametrize(
    ("velocity", "message"),
    [
        (lambda u: u.value[:2], "velocity along 'x' returned shape"),
        (lambda: math.nan, "is NaN or infinite"),
        ("fast", "velocity along 'x' is 'fast'"),
        ((1.0, 2.0), "2 component"),
        (math.nan, "is nan"),
        (lambda u: None, "returned NoneType"),
        (lambda u: u.value + torch.ones(3), "must work for any number of points"),
    ],
)
def test_velocities_are_tried(velocity: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        pl.Problem(BOX, "u", lambda u: u.t + u * u.x, velocity=velocity)


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        (lambda u, t: u(t - 1), "a field cannot be called.*delays and shifts are not supported"),
        (lambda u: u.x(), "without parentheses"),
        (lambda u: u.x[0], "equations see one point"),
        (lambda u: u.x if u > 0 else u, "use torch.where"),
        (lambda u: math.sin(u), "torch.sin"),
        (lambda u: float(u), "no single number"),
        (lambda u: len(u) * u, "equations see one point"),
        (lambda u: u.dx, r"write u\.x"),
        (lambda u: u.t == u.xx, "write left - right"),
        (lambda u: 1j * u, "real and imaginary part as two equations"),
        (lambda u: None, "returned NoneType None; return"),
        (lambda u: u.x.item(), "is a field"),
        (lambda u: u.detach(), "is a field"),
        (lambda u: {}, "return {'name': residual}"),
        (lambda u: np.sum(u), "NumPy|no NumPy array|equations see"),
        (lambda u: u * 10**400, "beyond the range of floats"),
        (lambda u: u + torch.ones(3), "must work for any number"),
        (lambda u: u + torch.ones(7), "another number of points"),
        (lambda u: torch.sin_(u.x), "instead of changing them"),
        (lambda u: u.value.numpy() + u, "NumPy does not see"),
    ],
)
def test_misused_fields_get_a_sentence(equation: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        pl.Problem(BOX, "u", equation)


def test_numpy_and_changes_in_place_in_conditions() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda x: np.sin(x), "torch functions, such as torch.sin"), (lambda x: x.mul_(2.0), "instead of x.mul_"),
        (lambda x: x.value, "plain tensors"), (lambda x: x + 1j, "returned complex values"),
        (lambda x: None, "returned None"),
    ]  # fmt: skip
    for value, message in cases:
        with pytest.raises((TypeError, ValueError), match=message):
            pl.Problem(BOX, "u", lambda u: u.t - u.xx, pl.Initial(u=value))


def test_data_are_computed_once_and_may_come_from_numpy() -> None:
    at = {"x": [0.2, 0.4, 0.8], "t": [1.0, 1.0, 1.0]}
    conditions = [pl.Initial(u=0.0), pl.Dirichlet(u=0.0), pl.Data(at, u=lambda x: torch.from_numpy(np.sin(x.numpy())))]
    assert len(pl.Problem(BOX, "u", lambda u: u.t - u.xx, conditions).conditions) == 3
    with pytest.raises((TypeError, ValueError), match="in place"):
        pl.Problem(BOX, "u", lambda u: u.t - u.xx, pl.Data(at, u=lambda x: x.mul_(2.0)))


def test_a_users_own_exception_passes_unchanged() -> None:
    class Mine(RuntimeError):
        pass

    error = Mine("own")

    def broken(u: pl.Field) -> pl.Field:
        raise error

    with pytest.raises(Mine) as found:
        pl.Problem(BOX, "u", broken)
    assert found.value is error
    assert issubclass(FailedFunctionError, ValueError) and issubclass(FailedFunctionError, RuntimeError)


def test_a_family_with_an_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="'a' is a family and 'k' is to be found"):
        pl.Problem(
            BOX, "u", lambda u, a, k: u.t - a * k * u.xx, parameters={"a": pl.Uniform(0.0, 1.0), "k": pl.Unknown(0.5)}
        )
