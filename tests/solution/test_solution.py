from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid, relative_errors, relative_l2, two_sided_grid
from pinnlab.training.history import History, Record

PI = math.pi


def problem(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)),
        "unknowns": ("u", "v"),
        "equations": lambda u, v, nu: {"first": u.t - nu * u.xx + v, "second": v.t - u * v.x},
        "conditions": [pl.Initial(u=lambda x: torch.sin(PI * x), v=1.0), pl.Dirichlet(u=0.0)],
        "parameters": {"nu": 0.1},
    }
    return pl.Problem(**{**given, **changes})


@pytest.fixture(scope="module")
def solution() -> pl.Solution:
    network = pl.MLP(width=5, depth=1)
    return pl.solve(
        problem(), pl.PINN(network=network, points=40, windows=2, stages=(pl.Adam(steps=5),)), progress=False
    )


def test_numpy_in_numpy_out(solution: pl.Solution) -> None:
    found = solution(x=np.linspace(0, 1, 4), t=0.5)
    assert list(found) == ["u", "v"]
    assert all(isinstance(v, np.ndarray) and v.shape == (4,) and v.dtype == np.float64 for v in found.values())
    assert solution(x=0.3, t=0.2)["u"].shape == ()
    assert solution(x=np.zeros((3, 1)), t=np.zeros((1, 5)))["v"].shape == (3, 5)
    assert solution(t=[0.0, 1.0], x=0)["u"].shape == (2,), "in any order, lists and whole numbers too"
    assert solution(x=0.3, t=0.1)["u"] == solution(x=np.float64(0.3), t=np.float64(0.1))["u"], "no detour by float32"


def test_tensors_in_tensors_out(solution: pl.Solution) -> None:
    x, t = torch.linspace(0, 1, 6, dtype=torch.float64).reshape(2, 3), torch.tensor(0.7)
    found = solution(x=x, t=t)
    assert isinstance(found["u"], torch.Tensor) and found["u"].shape == (2, 3)
    np.testing.assert_array_equal(found["u"].numpy(), solution(x=x.numpy(), t=0.699999988079071)["u"])


def test_values_stand_where_they_belong(solution: pl.Solution) -> None:
    x, t = np.random.default_rng(0).uniform(0, 1, 5000), np.random.default_rng(1).uniform(0, 2, 5000)
    found = solution(x=x, t=t)
    for i in (0, 1234, 4999):
        one = solution(x=x[i], t=t[i])
        assert one["u"] == pytest.approx(found["u"][i], abs=1e-13) and one["v"] == pytest.approx(
            found["v"][i], abs=1e-13
        )
    np.testing.assert_allclose(solution(x=x, t=0.0)["u"], np.sin(PI * x), atol=1e-13, rtol=0)


def test_coordinates_are_checked(solution: pl.Solution) -> None:
    with pytest.raises(TypeError, match=r"solution\(\) got x; give exactly the coordinates x, t, such as"):
        solution(x=0.0)
    with pytest.raises(TypeError, match="got x, t, y"):
        solution(x=0.0, t=0.0, y=0.0)
    with pytest.raises(ValueError, match=r"shapes of x \(2,\), t \(3,\) do not fit together; .* x\[:, None\] beside t"):
        solution(x=[0.0, 0.1], t=[0.0, 0.1, 0.2])
    with pytest.raises(ValueError, match=r"solution\(x='a'\): give numbers, an array of them, or a tensor"):
        solution(x="a", t=0.0)
    with pytest.raises(TypeError, match=r"residual\(\) got nothing"):
        solution.residual()


def test_grids(solution: pl.Solution) -> None:
    axes, values = solution.on_grid(x=5)
    assert list(axes) == ["x", "t"] and len(axes["x"]) == 5 and len(axes["t"]) == 201
    assert axes["t"][[0, -1]].tolist() == [0.0, 2.0] and values["u"].shape == (5, 201)
    assert values["v"][2, 10] == pytest.approx(float(solution(x=0.5, t=0.1)["v"]), abs=1e-12)


def test_residuals_against_finite_differences(solution: pl.Solution) -> None:
    rng, h = np.random.default_rng(2), 1e-4
    x, t = rng.uniform(0.1, 0.9, 30), rng.uniform(0.1, 0.9, 30) + (rng.random(30) > 0.5)

    def at(dx: float, dt: float, name: str) -> np.ndarray:
        return solution(x=x + dx * h, t=t + dt * h)[name]

    u, v = at(0, 0, "u"), at(0, 0, "v")
    u_t, v_t = (at(0, 1, "u") - at(0, -1, "u")) / (2 * h), (at(0, 1, "v") - at(0, -1, "v")) / (2 * h)
    u_xx, v_x = (at(1, 0, "u") - 2 * u + at(-1, 0, "u")) / h**2, (at(1, 0, "v") - at(-1, 0, "v")) / (2 * h)
    found = solution.residual(x=x, t=t)
    assert list(found) == ["first", "second"]
    np.testing.assert_allclose(found["first"], u_t - 0.1 * u_xx + v, atol=1e-5, rtol=0)
    np.testing.assert_allclose(found["second"], v_t - u * v_x, atol=1e-5, rtol=0)
    tensors = solution.residual(x=torch.tensor([[0.5]]), t=torch.tensor(0.2))
    assert isinstance(tensors["first"], torch.Tensor) and tensors["first"].shape == (1, 1)
    assert np.isnan(solution.residual(x=0.5, t=7.0)["first"]), "outside every window"


def test_errors(solution: pl.Solution) -> None:
    itself = solution.error(solution)
    assert itself == {"u": 0.0, "v": 0.0}
    doubled = solution.error(lambda x, t: {"u": 2 * torch.as_tensor(solution(x=x, t=t)["u"]), "v": torch.ones_like(x)})
    assert doubled["u"] == pytest.approx(0.5) and doubled["v"] > 0
    with pytest.raises(ValueError, match="has no reference; pass one, such as solution.error"):
        solution.error()
    with pytest.raises(ValueError, match=r"without \['v'\]; return a value for each unknown"):
        solution.error(lambda x: {"u": x})
    with pytest.raises(TypeError, match="return {name: values}"):
        solution.error(lambda x: x)
    with pytest.raises(ValueError, match="reference has an argument 'z'"):
        solution.error(lambda z: z)


def test_the_problems_reference_gets_parameters_and_returns_one_array() -> None:
    p = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, k: u.xx + k, [pl.Dirichlet(u=0.0)], {"k": 2.0},
        reference=lambda x, k: k * x * (1 - x) / 2,
    )  # fmt: skip
    solution = pl.solve(
        p, pl.PINN(network=pl.MLP(width=5, depth=1), points=30, stages=(pl.Adam(steps=3),)), progress=False
    )
    x = np.linspace(0, 1, 4001)
    exact = x * (1 - x)
    expected = np.linalg.norm(solution(x=x)["u"] - exact) / np.linalg.norm(exact)
    assert solution.error()["u"] == pytest.approx(expected, rel=1e-10)
    assert solution.history[-1].errors["u"] == pytest.approx(expected, rel=0.05)


def test_relative_l2_by_hand() -> None:
    values, exact = torch.tensor([[3.0, 1.0], [4.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    assert relative_l2(values, exact).tolist() == pytest.approx([4 / 3, 1.0]), "root mean square where it is zero"


def test_errors_of_all_unknowns_are_relative_to_the_norm_of_all() -> None:
    values, exact = torch.tensor([[3.0, 1.0], [4.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    # columns are off by (0, 4) and (1, -3), and the norm of both is 5
    assert relative_l2(values, exact, "all").tolist() == pytest.approx([4 / 5, 10**0.5 / 5])


def test_the_error_grid_covers_the_domain() -> None:
    grid = error_grid(pl.Box(x=(-1.0, 1.0), t=(0.0, 2.0)))
    assert grid.min(0).values.tolist() == [-1.0, 0.0] and grid.max(0).values.tolist() == [1.0, 2.0]
    assert len(error_grid(pl.Box(t=(0.0, 1.0)))) > 1000


def test_errors_leave_out_where_two_sides_meet() -> None:
    # 1 / sqrt(r) has a norm and no value in the corner; so have stresses and pressures
    square = pl.Problem(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u: u.laplacian, [pl.Dirichlet(u=0.0)])
    whole, measured = error_grid(square.domain), two_sided_grid(square)
    corners = ((whole == 0) | (whole == 1)).all(dim=1)
    assert corners.sum() == 4 and measured.equal(whole[~corners])
    found = relative_errors(
        lambda p: p.norm(dim=1, keepdim=True) ** -0.5, lambda x, y: torch.hypot(x, y) ** -0.5, square
    )
    assert found["u"] < 1e-14
    heat = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx, [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)]
    )
    assert two_sided_grid(heat).equal(error_grid(heat.domain)), "the start is no side"


def test_coefficients_status_and_solver(solution: pl.Solution) -> None:
    assert solution.coefficients == {} and solution.status is pl.Status.STEPS_DONE and solution.seconds > 0
    assert type(solution.solver) is pl.PINN and len(solution.models) == 2
    with pytest.raises(AttributeError, match="cannot assign to field 'seconds'"):
        solution.seconds = 0.0  # type: ignore[misc]
    for status in pl.Status:
        assert str(status).startswith(status.name.lower().replace("_", " ") + ": ")
        assert status.ok or any(word in status.value for word in ("give", "use", "check", "returned")), "advice"


def test_histories() -> None:
    records = (
        Record(0, 0, 10, 0.5, 2.0, 3.0, {"u": 0.1}, {"damping": 1e-3}),
        Record(0, 1, 20, 1.5, 1.0, 2.0, {}, {}),
    )
    history = History(records)
    assert len(history) == 2 and list(history) == list(records) and history[-1] is records[1]
    assert history.column("loss").tolist() == [2.0, 1.0] and history.column("step").tolist() == [10.0, 20.0]
    np.testing.assert_array_equal(history.column("damping"), [1e-3, np.nan])
    np.testing.assert_array_equal(history.error("u"), [0.1, np.nan])
    assert History.from_data(history.to_data()) == history
