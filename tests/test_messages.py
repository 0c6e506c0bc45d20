"""What newcomers write first, and the sentence that says what to write instead."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.calls import explained_call

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
HELD = [pl.Initial(u=lambda x: torch.sin(x)), pl.Dirichlet(u=0.0)]


def heat(equation=lambda u: u.t - u.xx, conditions=HELD, **given):
    return pl.Problem(BOX, "u", equation, conditions, **given)


EQUATIONS = {
    "u(x, t)": (lambda u, x, t: u(x, t).t, "write u for the value, u.x without parentheses"),
    "u(t - 1)": (lambda u, t: u.t - u(t - 1), "delays and shifts are not supported"),
    "u.x()": (lambda u: u.t - u.x(), "write u.x for the value"),
    "u.x_t": (lambda u: u.x_t, "for a derivative write u.xt"),
    "u.u_x": (lambda u: u.t - u.u_x, "for a derivative write u.x"),
    "u.du_dx": (lambda u: u.t - u.du_dx, "for a derivative write u.x"),
    "u.dx": (lambda u: u.t - u.dx, "for a derivative write u.x"),
    "u.dxx": (lambda u: u.t - u.dxx, "for a derivative write u.xx"),
    "math.sin": (lambda u: u.t - math.sin(u), "torch.sin(u) instead of math.sin(u)"),
    "complex": (lambda u: u.t - 1j * u.xx, "declare a complex unknown as unknowns={'psi': complex}"),
    "==": (lambda u: u.t == u.xx, "write left - right"),
    "nothing": (lambda u: None, "return an expression of the unknowns and their derivatives"),
    "torch.mean": (lambda u: u.t - torch.mean(u), "write pointwise expressions"),
    "u.mean()": (lambda u: u.t - u.mean(), "write pointwise expressions"),
    "torch.sum": (lambda u: u.t - torch.sum(u), "write pointwise expressions"),
    "max": (lambda u: u.t - torch.max(u), "write pointwise expressions"),
    "no function": (0.0, "give a function that returns what must vanish"),
    "a text": ("u_t - u_xx", "give a function that returns what must vanish"),
    "a list of numbers": ([0.0], "give a function that returns what must vanish"),
}
CONDITIONS = {
    "np.sin": (lambda: pl.Initial(u=lambda x: np.sin(x)), "torch.sin(x) instead of numpy.sin(x)"),
    "math.sin": (lambda: pl.Initial(u=lambda x: math.sin(x)), "torch.sin(x) instead of math.sin(x)"),
    "x=0": (lambda: pl.Dirichlet(u=0.0, x=0), "name the side, on='x-'"),
    "u_x=0": (lambda: pl.Neumann(u_x=0.0), "write pl.Condition(lambda u: u.x, on=...)"),
    "no name": (lambda: pl.Dirichlet(0.0), "Dirichlet(u=0.0, on='x-')"),
    "a function without a name": (lambda: pl.Initial(lambda x: x), "Initial(u=0.0)"),
    "Condition(u=0)": (lambda: pl.Condition(u=0.0), "write pl.Condition(lambda u, n: u.d(n) + u, on='x+')"),
    "Integral, its value": (lambda: pl.Integral(lambda u: u, 1.0), "write pl.Integral(lambda u: u, equals=1.0)"),
    "Data(x=...)": (lambda: pl.Data(x=[0.1], u=[1.0]), "write pl.Data(points={'x': xs, 't': ts}, u=values)"),
}
CALLS = {
    "Box": (lambda: pl.Box((0, 1), (0, 1)), "name the coordinates: Box(x=(0.0, 1.0), t=(0.0, 1.0))"),
    "no such device": (lambda: pl.solve(heat(), device="gpu"), "torch knows no such device; write 'cpu' or 'cuda'"),
    "device": (lambda: pl.solve(heat(), device="cuda:77"), "write 'cpu' or 'cuda', or leave device out"),
    "solve, epochs": (lambda: pl.solve(heat(), epochs=100), "there is no argument 'epochs'; write max_seconds=60"),
    "solve, lr": (lambda: pl.solve(heat(), lr=1e-3), "pl.Adam(steps=1000, learning_rate=1e-3)"),
    "solve, verbose": (lambda: pl.solve(heat(), verbose=False), "write progress=False"),
    "solve, max_second": (lambda: pl.solve(heat(), max_second=3), "write max_seconds= instead"),
    "solve, nothing": (lambda: pl.solve(), "problem is missing; write pl.solve(problem, solver, max_seconds=60)"),
    "layers": (lambda: pl.PINN(layers=[2, 20, 1]), "write network=pl.MLP(width=20, depth=3)"),
    "a list of layers": (lambda: pl.PINN([2, 20, 1]), "such as network=pl.MLP(width=20)"),
    "epochs": (lambda: pl.CausalPINN(epochs=10), "write stages=(pl.Adam(steps=1000"),
    "iterations": (lambda: pl.LevenbergMarquardt(iterations=10), "write steps=1000"),
    "lr": (lambda: pl.Adam(lr=1e-3), "write learning_rate=1e-3"),
    "batch_size": (lambda: pl.PINN(batch_size=64), "write points= instead"),
    "window": (lambda: pl.CausalPINN(window=3), "write windows= instead"),
    "n_experts": (lambda: pl.HardConstraintMoE(n_experts=3), "write experts= instead"),
    "twice": (lambda: pl.Adam(100, steps=100), "'steps' is given twice"),
    "MLP, layers": (lambda: pl.MLP(layers=[2, 20, 1]), "write width=20, depth=3"),
    "MLP, a list": (lambda: pl.MLP([2, 20, 1]), "width=20, depth=3"),
    "pde": (lambda: pl.Problem(BOX, "u", pde=lambda u: u.t), "write equations="),
    "bcs": (lambda: pl.Problem(BOX, "u", lambda u: u.t, bcs=[]), "write conditions=["),
    "n": (lambda: pl.reference_solution(heat(), n=100), "write resolution= instead"),
    "value": (lambda: pl.Unknown(value=1.0), "write start= instead"),
    "low": (lambda: pl.Uniform(low=1.0, high=2.0), "write lower= instead"),
}  # fmt: skip


@pytest.mark.parametrize(("equation", "instead"), EQUATIONS.values(), ids=EQUATIONS)
def test_equations(equation, instead):
    with pytest.raises((TypeError, ValueError)) as caught:
        heat(equation)
    assert instead in str(caught.value)


@pytest.mark.parametrize(("condition", "instead"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(condition, instead):
    with pytest.raises((TypeError, ValueError)) as caught:
        heat(conditions=[condition()])
    assert instead in str(caught.value)


@pytest.mark.parametrize(("call", "instead"), CALLS.values(), ids=CALLS)
def test_arguments(call, instead):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert instead in str(caught.value)
    assert str(caught.value).endswith(".") and "__init__" not in str(caught.value)


def test_numpys_functions_of_unknowns_are_torchs():
    assert heat(lambda u: u.t - np.sin(u)).derivatives == heat(lambda u: u.t - torch.sin(u)).derivatives


def test_a_parameter_that_nothing_takes_is_told():
    with pytest.warns(UserWarning, match=r"parameters=\{'k': ...\} changes nothing.*lambda u, k: ..., or leave it out"):
        heat(parameters={"k": 3.0})


def test_parameters_in_use_are_not():
    k = {"k": 3.0}
    heat(lambda u, k: u.t - k * u.xx, parameters=k)
    heat(conditions=[pl.Initial(u=lambda x, k: k * x), pl.Dirichlet(u=0.0)], parameters=k)
    heat(conditions=[HELD[0], pl.Condition(lambda u, n, k: u.d(n) + k * u)], parameters=k)
    heat(conditions=[*HELD, pl.Integral(lambda u: u, equals=lambda t, k: k * t)], parameters=k)
    heat(velocity=lambda k: k, parameters=k)
    heat(reference=lambda x, t, k: 0 * x * t * k, parameters=k)
    used = heat(lambda u, k: u.t - k * u.xx, parameters=k)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        used.at(k=4.0).natural.replace(equations=lambda u: u.t - u.xx)


@pytest.fixture(scope="module")
def solution():
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u: u.laplacian + 1, pl.Dirichlet(u=0.0), name="membrane"
    )
    return pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-2), progress=False)


def test_coordinates_of_a_solution_have_names(solution):
    xs = np.linspace(0, 1, 3)
    with pytest.raises(TypeError, match=r"solution\(ndarray, ndarray\): .* write solution\(x=xs, y=ys\)"):
        solution(xs, xs)
    with pytest.raises(TypeError, match=r"write solution\(x=points\[:, 0\], y=points\[:, 1\]\)"):
        solution(np.stack([xs, xs], axis=1))
    with pytest.raises(TypeError, match=r"solution\(x=\.\.\., y=\.\.\.\)"):
        solution(x=xs)


def test_columns_of_pandas(solution):
    table = pd.DataFrame({"x": [0.2, 0.4, 0.6], "t": [0.1, 0.2, 0.3], "u": [1.0, 2.0, 3.0]}, index=[3, 5, 9])
    data = pl.Data(points={"x": table.x, "t": table["t"]}, u=table.u)
    heat(conditions=[*HELD, data])
    torch.testing.assert_close(data.values["u"], torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    np.testing.assert_array_equal(
        solution(x=table.x, y=table.t)["u"], solution(x=table.x.to_numpy(), y=table.t.to_numpy())["u"]
    )


def test_a_call_that_fits_is_what_it_was():
    @explained_call("write twice(1)")
    def twice(n: int, /, *, by: int = 2) -> int:
        """Doubled."""
        return n * by

    assert twice(3) == 6 and twice(3, by=4) == 12 and twice.__doc__ == "Doubled."
    with pytest.raises(TypeError, match=r"twice\(n=3\): there is no argument 'n'; write twice\(1\)\."):
        twice(n=3)
    with pytest.raises(TypeError, match=r"twice\(\): an argument is missing; write twice\(1\)\."):
        twice()
    with pytest.raises(TypeError, match=r"twice\(1, 2\): only n can be given without a name; write twice\(1\)\."):
        twice(1, 2)
