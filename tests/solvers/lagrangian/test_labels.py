"""The problem on labels: the chain rule against exact fields, the drift, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.terms import Scope
from pinnlab.declaration.velocity import read_off, velocity_uses
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import coordinate_field, unknown_field
from pinnlab.derivatives.indices import closure
from pinnlab.solvers.lagrangian.frames import PREFIX, Drift, Frame
from pinnlab.solvers.lagrangian.labels import drift_of, label_problem, start_velocity, trajectory_term, wrapped

PI = math.pi
PERIOD = (0.0, 2 * PI)
Flow = Callable[[Tensor], Tensor]


def fields_of(functions: dict[str, Flow], names: tuple[str, ...], points: Tensor, order: int) -> dict[str, Any]:
    """Fields with all derivatives up to an order, by autograd."""
    indices = closure(itertools.combinations_with_replacement(range(len(names)), order))
    fields: dict[str, Any] = {}
    for name, function in functions.items():
        jet = autograd_jet(function, points, indices)[:, :, 0].detach()
        keys = {tuple(names[i] for i in index): jet[k] for k, index in enumerate(indices)}
        fields[name] = unknown_field(name, keys, names)
    return fields | {name: coordinate_field(name, points[:, i], names) for i, name in enumerate(names)}


def on_a_line(label_diffusion: bool = False) -> tuple[pl.Field, Frame, Tensor, Tensor]:
    """The field w = sin(x + 2 t^2) exp(t) on x = xi + 3 t + 0.3 t sin xi: w, the frame, x and t."""
    points = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    displacement = lambda p: 0.3 * p[:, 1:] * torch.sin(p[:, :1])  # noqa: E731
    place = lambda p: p[:, :1] + 3.0 * p[:, 1:] + displacement(p)  # noqa: E731
    state = lambda p: torch.sin(place(p) + 2 * p[:, 1:] ** 2) * torch.exp(p[:, 1:])  # noqa: E731
    fields = fields_of({"u": state, PREFIX + "x": displacement}, ("x", "t"), points, 4)
    frame = Frame.of(fields, Drift(0.0, {"x": 3.0}), label_diffusion)
    return frame.eulerian(fields["u"]), frame, place(points)[:, 0], points[:, 1]


def test_derivatives_on_a_line() -> None:
    u, frame, x, t = on_a_line()
    phase, size = x + 2 * t**2, torch.exp(t)
    expected = {
        "x": torch.cos(phase) * size,
        "t": (4 * t * torch.cos(phase) + torch.sin(phase)) * size,
        "xx": -torch.sin(phase) * size,
        "xt": (-4 * t * torch.sin(phase) + torch.cos(phase)) * size,
        "xxx": -torch.cos(phase) * size,
        "xxxx": torch.sin(phase) * size,
        "tt": (4 * torch.cos(phase) - 16 * t**2 * torch.sin(phase) + 8 * t * torch.cos(phase) + torch.sin(phase))
        * size,
    }
    torch.testing.assert_close(frame.positions["x"].value, x, rtol=1e-14, atol=0)
    for name, value in expected.items():
        torch.testing.assert_close(u.d(*name).value, value, rtol=1e-11, atol=1e-11, msg=name)
    # a position is a coordinate again, and so is time
    place = frame.eulerian(frame.positions["x"])
    torch.testing.assert_close(place.d("x").value, torch.ones_like(x), rtol=1e-14, atol=0)
    torch.testing.assert_close(place.d("t").value, torch.zeros_like(x), rtol=0, atol=1e-14)


def test_derivatives_of_expressions_of_the_field() -> None:
    """d/dx (u^2 / 2) = u u_x: fields of labels go through torch functions like all others."""
    u, *_ = on_a_line()
    torch.testing.assert_close(pl.diff(u * u / 2, "x").value, (u * u.x).value, rtol=1e-12, atol=1e-12)


def test_derivatives_in_the_plane() -> None:
    """w = sin(x) cos(y + t) on a sheared and stretched frame, against its own derivatives at fixed places."""
    points = torch.rand(15, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    names = ("x", "t", "y")

    def one(p: Tensor) -> Tensor:
        return 0.4 * p[:, 1:2] * torch.sin(p[:, :1] + p[:, 2:])

    def two(p: Tensor) -> Tensor:
        return 0.3 * p[:, 1:2] * torch.cos(p[:, :1]) * (1 + p[:, 1:2])

    def place(p: Tensor) -> Tensor:
        x, y = p[:, :1] + 2.0 * p[:, 1:2] + one(p), p[:, 2:] - p[:, 1:2] + two(p)
        return torch.cat([x, p[:, 1:2], y], dim=1)

    def wave(q: Tensor) -> Tensor:
        return torch.sin(q[:, :1]) * torch.cos(q[:, 2:] + q[:, 1:2])

    displacements = {PREFIX + "x": one, PREFIX + "y": two}
    fields = fields_of({"u": lambda p: wave(place(p)), **displacements}, names, points, 2)
    u = Frame.of(fields, Drift(0.0, {"x": 2.0, "y": -1.0})).eulerian(fields["u"])
    exact = fields_of({"w": wave}, names, place(points), 2)["w"]
    for key in closure(itertools.combinations_with_replacement(range(3), 2)):
        word = tuple(names[i] for i in key)
        torch.testing.assert_close(u.d(*word).value, exact.d(*word).value, rtol=1e-11, atol=1e-11, msg=str(word))


@pytest.mark.parametrize(
    ("equations", "velocity"),
    [
        (lambda u, c: u.t + c * u.x, (3.0,)),
        (lambda u, c: 2 * u.t + pl.diff(c * u, "x") - 0.1 * u.xx + torch.sin(u), (1.5,)),
        (lambda u, c, x: (1 + x) * (u.t - c * u.x), (-3.0,)),
        (lambda u, c, x: u.t + (1 + 1e-6 * x) * u.x, None),
        (lambda u, c, x: u.t + (c + torch.exp(-(((x - 1) / 1e-3) ** 2))) * u.x, None),
        (lambda u, c, t: u.t + torch.where(abs(t - 0.3) < 1e-4, 2 * c, c) * u.x, None),
        (lambda u, c, t: u.t + c * u.x - torch.where(t > 0.3, 1.0, 0.0), (3.0,)),
        (lambda u, c: u.t + c * u * u.x, None),
        (lambda u, c: u.t - 0.1 * u.xx + c * u, None),
        (lambda u, c: u.tt - c * u.xx + u.x, None),
        (lambda u, c: u.x + c * u, None),
    ],
    ids=[
        "number",
        "conserved",
        "factor",
        "varies",
        "thin layer",
        "pulse",
        "source",
        "non-linear",
        "diffuses",
        "waves",
        "no rate",
    ],
)
def test_a_velocity_that_is_the_same_everywhere_is_read_off(equations: Any, velocity: tuple[float, ...] | None) -> None:
    problem = pl.Problem(pl.Box(x=PERIOD, t=(0.0, 1.0)), "u", equations, [], {"c": 3.0})
    assert read_off(problem) == (None if velocity is None else pytest.approx(velocity, rel=1e-12))


def test_a_velocity_is_read_off_where_all_unknowns_share_it() -> None:
    box = pl.Box(x=PERIOD, y=PERIOD, t=(0.0, 1.0))
    mixed = lambda u, v: {"a": u.t + v.t + 2 * (u.x + v.x) - u.y - v.y, "b": v.t + 2 * v.x - v.y - u * v}  # noqa: E731
    apart = lambda u, v: {"a": u.t + 2 * u.x, "b": v.t + 3 * v.x}  # noqa: E731
    across = lambda u, v: {"a": u.t + 2 * u.x + v.y, "b": v.t + 2 * v.x}  # noqa: E731
    assert read_off(pl.Problem(box, ("u", "v"), mixed, [])) == pytest.approx((2.0, -1.0), rel=1e-12)
    assert read_off(pl.Problem(box, ("u", "v"), apart, [])) is None
    assert read_off(pl.Problem(box, ("u", "v"), across, [])) is None
    unknown = pl.Problem(box, "u", lambda u, c: u.t + c * u.x, [], {"c": pl.Unknown(1.0)})
    assert read_off(unknown) is None, "it is not known yet"


def test_label_diffusion_is_the_second_derivative_by_label() -> None:
    """With X = xi + 0.3 t sin xi and u = sin X, by label: u_xixi = cos X X_xixi - sin X X_xi^2; first order stays."""
    exact, *_ = on_a_line()
    u, _, x, t = on_a_line(label_diffusion=True)
    points = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    xi = points[:, 0]
    phase = x + 2 * t**2
    by_label = torch.cos(phase) * (-0.3 * t * torch.sin(xi)) - torch.sin(phase) * (1 + 0.3 * t * torch.cos(xi)) ** 2
    torch.testing.assert_close(u.xx.value, by_label * torch.exp(t), rtol=1e-12, atol=1e-12)
    for name in ("x", "t", "xt"):
        torch.testing.assert_close(u.d(*name).value, exact.d(*name).value)


def wave(**changes: Any) -> pl.Problem:
    """Convection on [0, 2 pi] with a speed of 3."""
    declared: dict[str, Any] = {
        "domain": pl.Box(x=PERIOD, t=(0.0, 1.0)),
        "unknowns": "u",
        "equations": lambda u, c: u.t + c * u.x,
        "conditions": [pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        "parameters": {"c": 3.0},
        "velocity": lambda c: c,
    }
    return pl.Problem(**{**declared, **changes})


def test_drift_is_the_mean_velocity_at_the_start() -> None:
    assert drift_of(wave()) == Drift(0.0, {"x": 3.0})
    assert drift_of(wave(velocity=7)).velocity == {"x": 7.0}
    burgers = wave(conditions=[pl.Initial(u=lambda x: torch.sin(x) + 5.0), pl.Periodic(on="x")], velocity=lambda u: u)
    assert drift_of(burgers).velocity["x"] == pytest.approx(5.0, abs=1e-3)
    # of the mean of 1 + 0.5 sin^2 x at t = 2: 1.25
    variable = wave(domain=pl.Box(x=PERIOD, t=(2.0, 3.0)), velocity=lambda x, t: 1 + 0.25 * t * torch.sin(x) ** 2)
    found = drift_of(variable)
    assert found.start == 2.0 and found.velocity["x"] == pytest.approx(1.25, abs=1e-3)


def test_problem_on_labels() -> None:
    """u = sin(xi), X = xi + 3 t leave nothing; with D = 0.5 t the trajectory is off by 0.5, and the state is not."""
    labels = label_problem(wave(), drift_of(wave()))
    assert labels.unknowns == ("u", "displacement_x")
    assert labels.residual_names == ("equation0", "trajectory x")
    points = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for slope in (0.0, 0.5):
        functions = {"u": lambda p: torch.sin(p[:, :1]), PREFIX + "x": lambda p, s=slope: s * p[:, 1:]}
        fields = fields_of(functions, ("x", "t"), points, 2)
        jets = {
            name: {key: fields[name].d(*key).value for key in labels.derivatives[name] | {()}} for name in functions
        }
        scope = Scope.of_jets(jets, labels.domain.columns(points), labels.parameter_values())
        found = labels.equation_term().evaluate((scope,))
        torch.testing.assert_close(found["trajectory x"], torch.full((9,), slope, dtype=torch.float64))
        (state,) = (value for name, value in found.items() if name != "trajectory x")
        torch.testing.assert_close(state, torch.zeros_like(state), rtol=0, atol=1e-14)


def test_displacements_begin_with_the_velocity() -> None:
    """v = 1 + x t with drift 5 at t = 2: v - 5 = 2 x - 4, slope 2; the time at which data are taken is the start."""
    problem = wave(domain=pl.Box(x=PERIOD, t=(2.0, 3.0)), velocity=lambda x, t: 1 + x * t)
    value = start_velocity(problem, "x", Drift(2.0, {"x": 5.0}))
    jet = value.jet(torch.tensor([[0.5, 2.0], [3.0, 2.0]], dtype=torch.float64), ((), (0,)))[:, :, 0]
    assert jet.tolist() == [[-3.0, 2.0], [2.0, 2.0]]
    assert float(start_velocity(wave(velocity=7), "x", Drift(0.0, {"x": 4.0})).jet(torch.zeros(1, 2), ((),))) == 3.0
    assert velocity_uses(problem, ("u", "t")) and not velocity_uses(problem, ("u",))


def test_trajectories_alone() -> None:
    """dX/dt - v with D = 0.5 t and v = 3 + x: X = xi + 3 t + 0.5 t leaves 0.5 - x."""
    problem = wave(equations=lambda u, x: u.t + (3 + x) * u.x, velocity=lambda x: 3 + x, parameters={})
    drift = Drift(0.0, {"x": 3.0})
    term = trajectory_term(problem, drift, label_problem(problem, drift))
    assert term.residuals == ("trajectory x",)
    points = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    fields = fields_of({"u": lambda p: p[:, :1], PREFIX + "x": lambda p: 0.5 * p[:, 1:]}, ("x", "t"), points, 1)
    jets = {name: {key: fields[name].d(*key).value for key in ((), ("x",), ("t",))} for name in ("u", PREFIX + "x")}
    (found,) = term.evaluate(
        (Scope.of_jets(jets, problem.domain.columns(points), problem.parameter_values()),)
    ).values()
    torch.testing.assert_close(found, 0.5 - (points[:, 0] + 3.5 * points[:, 1]))


def test_labels_wrap_by_whole_periods() -> None:
    box = pl.Box(x=(1.0, 3.0), t=(0.0, 1.0))
    points = torch.tensor([[3.5, 0.2], [0.0, 2.0], [2.0, 0.5]])
    assert wrapped(points, box).tolist() == [[1.5, pytest.approx(0.2)], [2.0, 2.0], [2.0, 0.5]]


PLANE: dict[str, Any] = {
    "domain": pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)),
    "unknowns": "u",
    "equations": lambda u: u.t + u.x + 2 * u.y,
    "conditions": [pl.Initial(u=1.0), pl.Periodic(on="x"), pl.Periodic(on="y")],
}
REFUSED: dict[str, tuple[Callable[[], pl.Problem], type[Exception], str]] = {
    "no velocity": (
        lambda: wave(velocity=None, equations=lambda u, c: u.t + c * u * u.x),
        ValueError,
        r"needs the velocity dx/dt .* problem\.replace\(velocity=lambda u: u\)",
    ),
    "velocity of unknown fields": (
        lambda: wave(velocity=lambda v: v), ValueError, r"velocity has an argument 'v', which is no unknown"
    ),
    "component of unknown fields": (
        lambda: pl.Problem(**PLANE, velocity=(1.0, lambda v: v)), ValueError, r"velocity along 'y' has an argument 'v'"
    ),
    "two components on a line": (
        lambda: wave(velocity=(1.0, 2.0)), ValueError, r"velocity has 2 component\(s\), and space has 1 dimension"
    ),
    "one component in the plane": (
        lambda: pl.Problem(**PLANE, velocity=1.0), ValueError, r"velocity has 1 component.*velocity=\(lambda x, y: "
    ),
    "a word": (lambda: wave(velocity="fast"), TypeError, r"velocity along 'x' is 'fast'; give a number or a function"),
    "steady": (
        lambda: pl.Problem(
            pl.Box(x=(0.0, 1.0)), "u", lambda u: u.x - u, [pl.Dirichlet(u=1.0, on="x-")], velocity=1.0
        ),
        ValueError, r"follows characteristics through time",
    ),
    "three dimensions": (
        lambda: pl.Problem(
            pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + u.x,
            [pl.Initial(u=1.0), pl.Dirichlet(u=1.0, on="x-")], velocity=(1.0, 0.0, 0.0),
        ),
        ValueError, r"one or two space dimensions",
    ),
    "second order in time": (
        lambda: wave(equations=lambda u: u.tt - u.xx, conditions=[pl.Initial(u=0.0, u_t=1.0), pl.Periodic(on="x")]),
        ValueError, r"first order in time, this one is of order 2",
    ),
    "open sides in the plane": (
        lambda: pl.Problem(
            **{**PLANE, "conditions": [pl.Initial(u=1.0), pl.Periodic(on="x"), pl.Dirichlet(u=1.0, on="y")]},
            velocity=(1.0, 2.0),
        ),
        ValueError, r"'y' is not periodic, and labels enter through a side in one space dimension only; add pl\.Periodic"
    ),
    "data at places": (
        lambda: wave(conditions=[pl.Initial(u=0.0), pl.Periodic(on="x"), pl.Data({"x": [1.0], "t": [0.5]}, u=[0.0])]),
        ValueError, r"fixed places, which are not fixed labels",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input(name: str) -> None:
    make, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        problem = make()
        pl.solve(problem, pl.LagrangianPINN(), progress=False)
