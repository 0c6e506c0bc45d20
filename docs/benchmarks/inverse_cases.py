"""Inverse problems with known truth: closed forms, or SciPy's solutions, with noise from seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import torch

import pinnlab as pl

PI = math.pi
POPULATION = 7.9e6
Random = np.random.Generator
Case = tuple[pl.Problem, dict[str, float]]
"""A problem and the true numbers."""


def positive(start: float) -> pl.Unknown:
    return pl.Unknown(start, bounds=(0, None))


def noisy(values: Any, share: float, rng: Random) -> tuple[np.ndarray, float]:
    """Values with noise of a share of their largest one, and its standard deviation."""
    sd = share * float(np.abs(values).max())
    return values + sd * rng.standard_normal(np.shape(values)), sd


# -- rows --------------------------------------------------------------------------------------------------------------


def sir_equations(S: Any, I: Any, R: Any, beta: Any, gamma: Any) -> dict[str, Any]:  # noqa: E741
    return {
        "S": S.t + beta * S * I / POPULATION,
        "I": I.t - beta * S * I / POPULATION + gamma * I,
        "R": R.t - gamma * I,
    }


def sir(seed: int) -> Case:
    """An epidemic of 150 days in the users' units: daily numbers of infected with 1 % noise of the largest."""
    beta, gamma, t = 0.4, 0.15, np.linspace(0.0, 150.0, 151)

    def rates(_: float, y: Any) -> list[float]:
        new = beta * y[0] * y[1] / POPULATION
        return [-new, new - gamma * y[1], gamma * y[1]]

    first = [POPULATION - 10, 10.0, 0.0]
    found = scipy.integrate.solve_ivp(rates, (0, 150), first, t_eval=t, rtol=1e-10, atol=1e-6, method="DOP853")
    values, _ = noisy(found.y[1], 0.01, np.random.default_rng(seed))
    conditions = [pl.Initial(S=first[0], I=first[1], R=first[2]), pl.Data({"t": t}, I=values)]
    numbers = {"beta": pl.Unknown(0.2), "gamma": pl.Unknown(0.05)}
    return pl.Problem(pl.Box(t=(0.0, 150.0)), ("S", "I", "R"), sir_equations, conditions, numbers, name="sir"), {
        "beta": beta, "gamma": gamma
    }  # fmt: skip


def diffusivity(seed: int) -> Case:
    """150 values with 5 % noise on a line that cools; D = 1 is looked for from 0.1."""
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(0, 1, 150), rng.uniform(0, 0.3, 150)
    values, _ = noisy(np.exp(-(PI**2) * t) * np.sin(PI * x), 0.05, rng)
    return heat({"x": x, "t": t}, values, None, {"D": pl.Unknown(0.1)}), {"D": 1.0}


def heat(points: dict, values: Any, sd: float | None, numbers: dict, equation: Any = None) -> pl.Problem:
    equation = equation or (lambda u, D: u.t - D * u.xx)
    conditions = [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0), pl.Data(points, u=values, sd=sd)]
    return pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)), "u", equation, conditions, numbers)


def scheme(seed: int) -> Case:
    """A -> B -> C <-> D -> ...: five rates from 5 to 0.05, all looked for from 0.5; each at 60 times, 1 % noise."""
    k = {"k1": 5.0, "k2": 0.5, "k3": 1.0, "k4": 0.05, "k5": 0.2}
    rng, t = np.random.default_rng(seed), np.geomspace(0.02, 20.0, 60)
    k1, k2, k3, k4, k5 = k.values()
    matrix = np.array([[-k1, 0, 0, 0], [k1, -k2, 0, 0], [0, k2, -k3, k4], [0, 0, k3, -k4 - k5]])
    exact = np.stack([scipy.linalg.expm(matrix * s) @ [1.0, 0, 0, 0] for s in t], axis=1)
    values = {name: noisy(row, 0.01, rng)[0] for name, row in zip("ABCD", exact, strict=True)}

    def equations(A: Any, B: Any, C: Any, D: Any, k1: Any, k2: Any, k3: Any, k4: Any, k5: Any) -> dict[str, Any]:
        return {"A": A.t + k1 * A, "B": B.t - k1 * A + k2 * B, "C": C.t - k2 * B + k3 * C - k4 * D,
                "D": D.t - k3 * C + (k4 + k5) * D}  # fmt: skip

    start = pl.Initial(A=1.0, B=0.0, C=0.0, D=0.0)
    numbers = {name: positive(0.5) for name in k}
    return pl.Problem(pl.Box(t=(0.0, 20.0)), tuple("ABCD"), equations, [start, pl.Data({"t": t}, **values)], numbers), k


# -- the same by SciPy alone: least squares around its own integrators, as one writes them without a package ------------


def data_of(problem: pl.Problem) -> pl.Data:
    return next(c for c in problem.conditions if isinstance(c, pl.Data))


def least_squares(misfit: Callable[[np.ndarray], np.ndarray], names: Any, start: Any) -> dict[str, float]:
    """Positive numbers by their logarithms; derivatives by differences, as SciPy makes them."""
    found = scipy.optimize.least_squares(lambda z: misfit(np.exp(z)), np.log(start), x_scale="jac", diff_step=1e-5)
    return dict(zip(names, np.exp(found.x), strict=True))


def sir_by_scipy(problem: pl.Problem) -> dict[str, float]:
    data = data_of(problem)
    t, values = data.points["t"].numpy(), data.values["I"].numpy()

    def misfit(z: np.ndarray) -> np.ndarray:
        def rates(_: float, y: Any) -> list[float]:
            new = z[0] * y[0] * y[1] / POPULATION
            return [-new, new - z[1] * y[1], z[1] * y[1]]

        first = [POPULATION - 10, 10.0, 0.0]
        found = scipy.integrate.solve_ivp(rates, (0, 150), first, "LSODA", t_eval=t, rtol=1e-8, atol=1e-2)
        return (found.y[1] - values) / np.abs(values).max()

    return least_squares(misfit, ("beta", "gamma"), [0.2, 0.05])


def diffusivity_by_scipy(problem: pl.Problem) -> dict[str, float]:
    data, nodes = data_of(problem), np.linspace(0.0, 1.0, 101)
    at, values = np.stack([data.points["x"].numpy(), data.points["t"].numpy()], axis=1), data.values["u"].numpy()
    times = np.linspace(0.0, 0.3, 301)

    def misfit(z: np.ndarray) -> np.ndarray:
        def rates(_: float, u: Any) -> np.ndarray:
            return np.concatenate([[0.0], z[0] * (u[2:] - 2 * u[1:-1] + u[:-2]) * 1e4, [0.0]])

        found = scipy.integrate.solve_ivp(
            rates, (0, 0.3), np.sin(PI * nodes), "LSODA", t_eval=times, rtol=1e-7, atol=1e-9, lband=1, uband=1
        )
        return scipy.interpolate.RegularGridInterpolator((nodes, times), found.y, method="cubic")(at) - values

    return least_squares(misfit, ("D",), [0.1])


def scheme_by_scipy(problem: pl.Problem) -> dict[str, float]:
    data = data_of(problem)
    t, values = data.points["t"].numpy(), np.stack([data.values[name].numpy() for name in "ABCD"])

    def misfit(z: np.ndarray) -> np.ndarray:
        k1, k2, k3, k4, k5 = z
        matrix = np.array([[-k1, 0, 0, 0], [k1, -k2, 0, 0], [0, k2, -k3, k4], [0, 0, k3, -k4 - k5]])
        found = scipy.integrate.solve_ivp(
            lambda _, y: matrix @ y, (0, 20.0), [1.0, 0, 0, 0], "LSODA", t_eval=t, rtol=1e-8, atol=1e-10
        )
        return ((found.y - values) / np.abs(values).max(axis=1, keepdims=True)).ravel()

    return least_squares(misfit, ("k1", "k2", "k3", "k4", "k5"), [0.5] * 5)


# -- random problems ---------------------------------------------------------------------------------------------------


def line(equation: Any, first: dict, values: Any, t: Any, sd: float | None, numbers: dict) -> pl.Problem:
    conditions = [pl.Initial(**first), pl.Data({"t": t}, u=values, sd=sd)]
    return pl.Problem(pl.Box(t=(0.0, float(t[-1]))), "u", equation, conditions, numbers)


def measured(exact: Any, rng: Random) -> tuple[Any, float | None]:
    """Values with noise of 1 to 10 %, whose size is told in every other problem."""
    values, sd = noisy(exact, float(rng.uniform(0.01, 0.1)), rng)
    return values, sd if rng.random() < 0.5 else None


def guess(value: float, rng: Random) -> pl.Unknown:
    return positive(value * math.exp(rng.uniform(-1, 1)))


def relaxation(rng: Random) -> Case:
    k, a = np.exp(rng.uniform(-1, 1, 2))
    t = np.linspace(0, 4 / k, int(rng.integers(15, 60)))
    values, sd = measured(a / k + (2 - a / k) * np.exp(-k * t), rng)
    problem = line(lambda u, k, a: u.t + k * u - a, {"u": 2.0}, values, t, sd, {"k": guess(k, rng), "a": guess(a, rng)})
    return problem, {"k": k, "a": a}


def logistic(rng: Random) -> Case:
    r, K = np.exp(rng.uniform(-1, 1, 2)) * [1, 10]
    t = np.linspace(0, 8 / r, int(rng.integers(15, 60)))
    values, sd = measured(K / (1 + (K / (0.1 * K) - 1) * np.exp(-r * t)), rng)
    problem = line(lambda u, r, K: u.t - r * u * (1 - u / K), {"u": 0.1 * float(K)}, values, t, sd,
                   {"r": guess(r, rng), "K": guess(K, rng)})  # fmt: skip
    return problem, {"r": r, "K": K}


def swinging(rng: Random) -> Case:
    w, c = float(rng.uniform(1, 4)), float(rng.uniform(0.1, 0.6))
    t = np.linspace(0, 8.0, int(rng.integers(25, 80)))
    fast = math.sqrt(w**2 - c**2 / 4)
    values, sd = measured(np.exp(-c * t / 2) * (np.cos(fast * t) + c / (2 * fast) * np.sin(fast * t)), rng)
    problem = line(lambda u, w, c: u.tt + c * u.t + w**2 * u, {"u": 1.0, "u_t": 0.0}, values, t, sd,
                   {"w": guess(w, rng), "c": guess(c, rng)})  # fmt: skip
    return problem, {"w": w, "c": c}


def places(rng: Random) -> dict[str, np.ndarray]:
    n = int(rng.integers(20, 80))
    return {"x": rng.uniform(0, 1, n), "t": rng.uniform(0, 0.3, n)}


def cooling(rng: Random) -> Case:
    D, at = float(np.exp(rng.uniform(-1.5, 0.5))), places(rng)
    values, sd = measured(np.exp(-D * PI**2 * at["t"]) * np.sin(PI * at["x"]), rng)
    return heat(at, values, sd, {"D": guess(D, rng)}), {"D": D}


def heated(rng: Random) -> Case:
    (D, s), at = np.exp(rng.uniform(-1, 0.5, 2)) * [1, 10], places(rng)
    decay = np.exp(-D * PI**2 * at["t"])
    values, sd = measured((decay + s / (D * PI**2) * (1 - decay)) * np.sin(PI * at["x"]), rng)
    return heat(at, values, sd, {"D": guess(D, rng), "s": guess(s, rng)},
                lambda u, x, D, s: u.t - D * u.xx - s * torch.sin(PI * x)), {"D": D, "s": s}  # fmt: skip


def carried(rng: Random) -> Case:
    (D, c), at = np.exp(rng.uniform(-1, 0.5, 2)) * [0.05, 1], places(rng)
    wave = 2 * PI
    values, sd = measured(np.exp(-D * wave**2 * at["t"]) * np.sin(wave * (at["x"] - c * at["t"])), rng)
    conditions = [pl.Initial(u=lambda x: torch.sin(wave * x)), pl.Periodic(on="x"), pl.Data(at, u=values, sd=sd)]
    return pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)), "u", lambda u, D, c: u.t + c * u.x - D * u.xx, conditions,
                      {"D": guess(D, rng), "c": guess(c, rng)}), {"D": D, "c": c}  # fmt: skip


def steady(rng: Random) -> Case:
    q, f = np.exp(rng.uniform(-0.5, 1.5, 2)) * [4, 4]
    x, root = rng.uniform(0, 1, int(rng.integers(20, 80))), math.sqrt(q)
    values, sd = measured(f / q * (1 - np.cosh(root * (x - 0.5)) / math.cosh(root / 2)), rng)
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, q, f: -u.xx + q * u - f,
                      [pl.Dirichlet(u=0.0), pl.Data({"x": x}, u=values, sd=sd)],
                      {"q": guess(q, rng), "f": guess(f, rng)}), {"q": q, "f": f}  # fmt: skip


KINDS: tuple[Callable[[Random], Case], ...] = (relaxation, logistic, swinging, cooling, heated, carried, steady)
