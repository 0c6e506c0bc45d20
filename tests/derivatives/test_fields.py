from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import (
    UnknownNameError,
    as_value,
    coordinate_field,
    sort_key,
    split_derivative,
    unknown_field,
)
from pinnlab.derivatives.indices import closure

NAMES = ("x", "t")
POINTS = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.3
K = torch.tensor(1.7, dtype=torch.float64)


def u_of(x: Tensor, t: Tensor) -> Tensor:
    return 1.2 + 0.3 * torch.sin(2 * x + t) * torch.exp(-x * t)


def v_of(x: Tensor, t: Tensor) -> Tensor:
    return 1.5 + 0.4 * torch.cos(x - 3 * t)


def jet(function: Callable[[Tensor, Tensor], Tensor]) -> dict[tuple[str, ...], Tensor]:
    indices = closure([(0,) * i + (1,) * j for i in range(5) for j in range(5 - i)])
    found = autograd_jet(lambda p: function(p[:, 0], p[:, 1])[:, None], POINTS, indices, keep=False)[:, :, 0]
    return {tuple(NAMES[i] for i in index): found[row] for row, index in enumerate(indices)}


U, V = unknown_field("u", jet(u_of), NAMES), unknown_field("v", jet(v_of), NAMES)
X, T = (coordinate_field(name, POINTS[:, i], NAMES) for i, name in enumerate(NAMES))


def derivative(function: Callable[..., Tensor], by: str) -> Tensor:
    """By nested autograd on the composed function of (x, t)."""
    points = POINTS.clone().requires_grad_()
    value = function(points[:, 0], points[:, 1])
    for name in by:
        (gradient,) = torch.autograd.grad(value.sum(), points, create_graph=True)
        value = gradient[:, NAMES.index(name)]
    return value.detach()


def test_a_field_is_its_value_and_its_derivatives() -> None:
    table = jet(u_of)
    assert torch.equal(U.value, table[()])
    assert torch.equal(U.t.value, table["t",]) and torch.equal(U.xx.value, table["x", "x"])
    assert torch.equal(U.xxxx.value, table["x", "x", "x", "x"])
    assert torch.equal(U.d("x", "x", "t").value, table["x", "x", "t"])
    assert torch.equal(U.x.t.value, U.xt.value)


def test_mixed_derivatives_in_any_order() -> None:
    assert torch.equal(U.xt.value, U.tx.value) and torch.equal(U.d("t", "x").value, U.d("x", "t").value)
    assert torch.equal(U.txt.value, U.xtt.value) and torch.equal(U.t.x.t.value, U.xtt.value)
    assert U.tx.name == "u.xt"


def test_only_what_is_used_is_looked_up() -> None:
    class Asked(dict):
        def __missing__(self, key: tuple[str, ...]) -> Tensor:
            self[key] = torch.ones(2)
            return self[key]

    asked = Asked()
    field = unknown_field("u", asked, NAMES)
    _ = field.xx + field.tx
    assert set(asked) == {("x", "x"), ("x", "t")}, "u itself and u.x were not computed with"


OPERATIONS: dict[str, Callable] = {
    "u + v": lambda u, v: u + v,
    "2 + u": lambda u, v: 2 + u,
    "u - 2.5": lambda u, v: u - 2.5,
    "1 - u": lambda u, v: 1 - u,
    "u * v": lambda u, v: u * v,
    "3 * u": lambda u, v: 3 * u,
    "u / v": lambda u, v: u / v,
    "1 / u": lambda u, v: 1 / u,
    "u ** 3": lambda u, v: u**3,
    "u ** 0.5": lambda u, v: u**0.5,
    "2 ** u": lambda u, v: 2**u,
    "u ** v": lambda u, v: u**v,
    "-u": lambda u, v: -u,
    "+u": lambda u, v: +u,
    "abs(u - 1.2)": lambda u, v: abs(u - 1.2),
    "k * u": lambda u, v: K * u,
    "u * k": lambda u, v: u * K,
    "k - u": lambda u, v: K - u,
    "u / k": lambda u, v: u / K,
    "numpy number": lambda u, v: np.float64(0.5) * u + u * np.float64(2.0),
}
for name in (
    "sin cos tan exp log sqrt tanh sinh cosh sigmoid atan erf expm1 log1p square reciprocal rsqrt log10 neg sinc abs"
).split():
    OPERATIONS[f"torch.{name}(u)"] = lambda u, v, name=name: getattr(torch, name)(u * v)
    OPERATIONS[f"u.{name}()"] = lambda u, v, name=name: getattr(u * v, name)()
OPERATIONS |= {
    "asin, acos": lambda u, v: torch.asin(u / 4) + torch.acos(v / 4),
    "u.pow": lambda u, v: u.pow(3) + torch.pow(u, 2.5),
    "clamp": lambda u, v: torch.clamp(u, min=1.2) + v.clamp(max=1.4),
    "maximum": lambda u, v: torch.maximum(u, v) + torch.minimum(u, 0 * v + 1.3),
    "atan2, hypot": lambda u, v: torch.atan2(u, v) + torch.hypot(u, v),
    "where": lambda u, v: torch.where(u > v, u * v, v**2),
    "where of numbers": lambda u, v: torch.where(u < 1.3, u, 1.3) + torch.where(u >= v, 1.0, 0.0) * u,
    "relu": lambda u, v: torch.relu(u - 1.2) + (v - 1.5).relu(),
    "softplus": lambda u, v: torch.nn.functional.softplus(u * v),
    "keyword": lambda u, v: torch.add(u, v, alpha=3),
    "long": lambda u, v: torch.exp(-u * v) * torch.sin(u / v) + (1 - u**2) * v - torch.log(u + v) / (1 + u**2),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_expressions_compute_and_differentiate_like_functions(name: str) -> None:
    operation = OPERATIONS[name]

    def composed(x: Tensor, t: Tensor) -> Tensor:
        return operation(u_of(x, t), v_of(x, t))

    field = operation(U, V)
    assert isinstance(field, pl.Field)
    torch.testing.assert_close(field.value, derivative(composed, ""), rtol=1e-13, atol=0)
    for by in ("x", "t", "xt", "xx"):
        found = pl.diff(field, *by)
        torch.testing.assert_close(found.value, derivative(composed, by), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("by", ["x", "t", "xx", "xt", "tx", "ttx", "xxx", "xxtt"])
def test_diff_of_expressions_with_derivatives_coordinates_and_parameters(by: str) -> None:
    field = K * X**2 * U + torch.sin(T * V) * (T - X) / U

    def composed(x: Tensor, t: Tensor) -> Tensor:
        u, v = u_of(x, t), v_of(x, t)
        return K * x**2 * u + torch.sin(t * v) * (t - x) / u

    expected = derivative(composed, by)
    scale = float(expected.abs().max())
    torch.testing.assert_close(pl.diff(field, *by).value, expected, rtol=0, atol=1e-12 * scale)
    torch.testing.assert_close(getattr(field, by).value, expected, rtol=0, atol=1e-12 * scale)


def test_conservation_form() -> None:
    k = 1 + X**2
    flux = pl.diff(k * U.x, "x")
    torch.testing.assert_close(flux.value, (2 * X * U.x + k * U.xx).value, rtol=1e-13, atol=1e-13)
    square = pl.diff(U**2 / 2, "x")
    torch.testing.assert_close(square.value, (U * U.x).value, rtol=1e-13, atol=1e-13)
    nested = pl.diff(k * pl.diff(k * U, "x"), "t")
    torch.testing.assert_close(nested.value, (k * (2 * X * U.t + k * U.xt)).value, rtol=1e-12, atol=1e-13)


def test_gradients_flow_through_diff() -> None:
    table = {key: value.clone().requires_grad_() for key, value in jet(u_of).items()}
    field = unknown_field("u", table, NAMES)
    pl.diff(field**3, "x").value.sum().backward()
    u, u_x = table[()], table[("x",)]
    torch.testing.assert_close(u.grad, (6 * u * u_x).detach())
    torch.testing.assert_close(u_x.grad, (3 * u**2).detach())


def test_coordinates_are_fields() -> None:
    assert X.x.value.tolist() == [1.0] * 9 and X.t.value.tolist() == [0.0] * 9 and X.xx.value.tolist() == [0.0] * 9
    torch.testing.assert_close(pl.diff(X * T**2, "x", "t", "t").value, torch.full((9,), 2.0, dtype=torch.float64))


def test_diff_of_what_is_no_field() -> None:
    assert pl.diff(3.0, "x") == 0.0
    with pytest.raises(TypeError, match="diff.. got a Tensor, which carries no derivatives"):
        pl.diff(U.value, "x")
    with pytest.raises(TypeError, match="needs the names of coordinates"):
        pl.diff(U)


def test_unknown_names_are_explained() -> None:
    for ask in (lambda: U.y, lambda: U.xy, lambda: U.sum(), lambda: U.mean):
        with pytest.raises(UnknownNameError, match="coordinates are x, t"):
            ask()
    with pytest.raises(ValueError, match="'y' is not a coordinate of this problem"):
        U.d("x", "y")
    with pytest.raises(TypeError, match="is no single number"):
        math.sin(U)
    assert not hasattr(U, "shape"), "what is asked by name only is answered as usual"


def test_a_field_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="use torch.where"):
        max(U, V)
    with pytest.raises(TypeError, match="neither true nor false"):
        _ = 1.0 if U > 0 else 0.0


def test_derivative_names() -> None:
    assert split_derivative("xxt", NAMES) == ("x", "x", "t")
    assert split_derivative("xy", NAMES) is None and split_derivative("", NAMES) == ()
    assert split_derivative("x1x2", ("x1", "x2")) == ("x1", "x2")
    assert split_derivative("xxx", ("x", "xx")) == ("xx", "x"), "longest names first"
    assert sort_key(("t", "x", "t"), NAMES) == ("x", "t", "t")
    assert as_value(U) is U.value and as_value(2.0) == 2.0


def test_the_first_derivative_of_a_process_warns_of_nothing() -> None:
    """torch warns of its own code when its forward-mode rules are loaded; the user should not see it."""
    import subprocess
    import sys

    code = (
        "import torch, pinnlab as pl; from pinnlab.derivatives.fields import coordinate_field as f\n"
        "x = f('x', torch.ones(3), ('x',)); assert pl.diff(x * x, 'x').value.tolist() == [2.0] * 3"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


def test_numbers_beside_conditions_keep_their_precision():
    x = coordinate_field("x", torch.tensor([0.4, 0.6], dtype=torch.float64), ("x",))
    for field, expected in (
        (1 + 9 * (x > 0.5), [1, 10]),
        ((x > 0.5) * 9.1, [0, 9.1]),
        ((x > 0.5) / 3, [0, 1 / 3]),
        (1 - (x > 0.5), [1, 0]),
        (torch.where(x > 0.5, 0.1, 0.3), [0.3, 0.1]),
        (0.7 * ((x > 0.5) | ~(x < 0.7)), [0, 0.7]),
        (torch.heaviside(x - 0.5, torch.ones((), dtype=torch.float64)), [0, 1]),
    ):
        assert field.value.dtype == torch.float64 and field.value.tolist() == expected
        assert field.d("x").value.tolist() == [0, 0]


def test_what_an_equation_differentiates_is_watched_and_its_parts_are_not():
    seen = []

    def watch(field, name):
        seen.append((float(field.value), name))
        return field.derived(name)

    x = coordinate_field("x", torch.tensor([0.5], dtype=torch.float64), ("x",), watch)
    (torch.sin(x) * x).d("x", "x")
    assert [name for _, name in seen] == ["x", "x"]
    assert seen[0][0] == pytest.approx(0.5 * math.sin(0.5))
