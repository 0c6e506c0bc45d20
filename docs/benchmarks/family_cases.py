"""Families of one to four numbers with exact solutions, or very accurate numerical ones, of every member."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch

import pinnlab as pl

Array = np.ndarray
Exact = Callable[[Mapping[str, float], Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True)
class Case:
    """A family.

    Attributes:
        problem: the family.
        places: {coordinate: (n,)} at which errors are taken.
        exact: (numbers of a member, places) -> {unknown: (n,)}.
    """

    problem: pl.Problem
    places: Mapping[str, Array]
    exact: Exact


def _grid(**axes: Array) -> dict[str, Array]:
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    return {name: values.reshape(-1) for name, values in zip(axes, mesh, strict=True)}


def fin() -> Case:
    """A fin that cools: T_xx = m^2 T."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "T", lambda T, m: T.xx - m**2 * T,
        [pl.Dirichlet(T=1.0, on="x-"), pl.Neumann(T=0.0, on="x+")], {"m": pl.Uniform(0.5, 5.0)},
    )  # fmt: skip
    return Case(problem, _grid(x=np.linspace(0, 1, 101)),
                lambda v, c: {"T": np.cosh(v["m"] * (1 - c["x"])) / np.cosh(v["m"])})  # fmt: skip


def logistic() -> Case:
    """Growth to a capacity: N_t = r N (1 - N / K)."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 10.0)), "N", lambda N, r, K: N.t - r * N * (1 - N / K), [pl.Initial(N=10.0)],
        {"r": pl.Uniform(0.3, 1.2), "K": pl.Uniform(300.0, 900.0)},
    )  # fmt: skip
    return Case(problem, _grid(t=np.linspace(0, 10, 101)),
                lambda v, c: {"N": v["K"] / (1 + (v["K"] / 10 - 1) * np.exp(-v["r"] * c["t"]))})  # fmt: skip


def boundary_layer() -> Case:
    """A layer whose width goes over two decades: eps u_xx + u_x = 0."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, eps: eps * u.xx + u.x,
        [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")], {"eps": pl.Uniform(0.002, 0.2)},
    )  # fmt: skip
    x = np.concatenate([np.linspace(0, 0.05, 60), np.linspace(0.05, 1, 60)])
    return Case(problem, {"x": x}, lambda v, c: {"u": np.expm1(-c["x"] / v["eps"]) / np.expm1(-1 / v["eps"])})


def viscosity() -> Case:
    """Burgers' equation from a sine, its viscosity over a decade; by the Cole-Hopf transformation and Gauss-Hermite."""
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", lambda u, nu: u.t + u * u.x - nu * u.xx,
        [pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)], {"nu": pl.Uniform(0.03, 0.3)},
    )  # fmt: skip
    nodes, weights = np.polynomial.hermite.hermgauss(120)

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        start = c["x"][:, None] - np.sqrt(4 * v["nu"] * c["t"])[:, None] * nodes
        exponent = -np.cos(np.pi * start) / (2 * np.pi * v["nu"])
        kernel = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * weights
        return {"u": -(np.sin(np.pi * start) * kernel).sum(axis=1) / kernel.sum(axis=1)}

    return Case(problem, _grid(x=np.linspace(-1, 1, 61), t=np.linspace(0.02, 1, 12)), exact)


def cooling() -> Case:
    """Heat with its diffusivity and a Robin number; by 60 modes."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, k: u.t - k * u.xx,
        [pl.Initial(u=lambda x, h: 1 - h / (2 + h) * x**2), pl.Neumann(u=0.0, on="x-"),
         pl.Condition(lambda u, n, h: u.d(n) + h * u, on="x+")],
        {"k": pl.Uniform(0.1, 1.0), "h": pl.Uniform(0.2, 5.0)},
    )  # fmt: skip
    nodes, weights = np.polynomial.legendre.leggauss(400)
    nodes, weights = (nodes + 1) / 2, weights / 2

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        h, ends = v["h"], [(n * np.pi + 1e-12, n * np.pi + np.pi / 2 + 1e-9) for n in range(60)]
        roots = np.array([scipy.optimize.brentq(lambda z: z * np.sin(z) - h * np.cos(z), *end) for end in ends])
        modes = np.cos(roots[:, None] * nodes)
        shares = (modes * (1 - h / (2 + h) * nodes**2) * weights).sum(axis=1) / (modes**2 * weights).sum(axis=1)
        decay = np.exp(-v["k"] * roots[:, None] ** 2 * c["t"])
        return {"u": shares @ (np.cos(roots[:, None] * c["x"]) * decay)}

    return Case(problem, _grid(x=np.linspace(0, 1, 41), t=np.linspace(0, 1, 21)), exact)


def wave_speed() -> Case:
    """Two standing waves of a string, its speed over a factor of three."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)), "u", lambda u, c: u.tt - c**2 * u.xx,
        [pl.Initial(u=lambda x: torch.sin(math.pi * x) + 0.5 * torch.sin(3 * math.pi * x), u_t=0.0),
         pl.Dirichlet(u=0.0)], {"c": pl.Uniform(0.5, 1.5)},
    )  # fmt: skip

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        x, t = np.pi * c["x"], np.pi * v["c"] * c["t"]
        return {"u": np.sin(x) * np.cos(t) + 0.5 * np.sin(3 * x) * np.cos(3 * t)}

    return Case(problem, _grid(x=np.linspace(0, 1, 41), t=np.linspace(0, 2, 41)), exact)


def source_place() -> Case:
    """Poisson's equation in the square, the place (a, b) of a source."""
    width = 0.25

    def bump(x: Any, y: Any, a: Any, b: Any, exp: Callable[[Any], Any]) -> Any:
        return exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * width**2))

    def equation(u: Any, x: Any, y: Any, a: Any, b: Any) -> Any:
        away = (x - a) ** 2 + (y - b) ** 2
        return u.xx + u.yy - (away / width**4 - 2 / width**2) * bump(x, y, a, b, torch.exp)

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", equation,
        [pl.Dirichlet(u=lambda x, y, a, b: bump(x, y, a, b, torch.exp))],
        {"a": pl.Uniform(0.2, 0.8), "b": pl.Uniform(0.2, 0.8)},
    )  # fmt: skip
    return Case(problem, _grid(x=np.linspace(0, 1, 31), y=np.linspace(0, 1, 31)),
                lambda v, c: {"u": bump(c["x"], c["y"], v["a"], v["b"], np.exp)})  # fmt: skip


def three_rates() -> Case:
    """A reaction A <-> B -> C with its three rates; by the matrix exponential."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 5.0)), ("A", "B", "C"),
        lambda A, B, C, k1, k2, k3: {"A": A.t + k1 * A - k2 * B, "B": B.t - k1 * A + (k2 + k3) * B, "C": C.t - k3 * B},
        [pl.Initial(A=1.0, B=0.0, C=0.0)],
        {"k1": pl.Uniform(0.5, 2.0), "k2": pl.Uniform(0.1, 1.0), "k3": pl.Uniform(0.2, 1.5)},
    )  # fmt: skip

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        k1, k2, k3 = (v[name] for name in ("k1", "k2", "k3"))
        rates = np.array([[-k1, k2, 0.0], [k1, -k2 - k3, 0.0], [0.0, k3, 0.0]])
        found = np.array([scipy.linalg.expm(rates * t)[:, 0] for t in c["t"]])
        return dict(zip("ABC", found.T, strict=True))

    return Case(problem, _grid(t=np.linspace(0, 5, 61)), exact)


def predators() -> Case:
    """Predators and prey with three rates, about one period; by DOP853 at a tolerance of 1e-11."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 8.0)), ("u", "v"),
        lambda u, v, a, b, c: {"u": u.t - a * u + b * u * v, "v": v.t + c * v - b * u * v},
        [pl.Initial(u=1.0, v=0.5)],
        {"a": pl.Uniform(0.6, 1.4), "b": pl.Uniform(0.8, 1.2), "c": pl.Uniform(0.6, 1.4)},
    )  # fmt: skip

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        def rate(_: float, z: Array) -> list[float]:
            return [v["a"] * z[0] - v["b"] * z[0] * z[1], -v["c"] * z[1] + v["b"] * z[0] * z[1]]

        options = {"rtol": 1e-11, "atol": 1e-12, "method": "DOP853"}
        return dict(
            zip("uv", scipy.integrate.solve_ivp(rate, (0, 8), [1, 0.5], t_eval=c["t"], **options).y, strict=True)
        )

    return Case(problem, _grid(t=np.linspace(0, 8, 81)), exact)


def four_numbers() -> Case:
    """Diffusion and decay with a source and a value at an end: k u_xx - a u + s = 0, u(0) = g."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, k, a, s: k * u.xx - a * u + s,
        [pl.Dirichlet(u=lambda g: g, on="x-"), pl.Dirichlet(u=0.0, on="x+")],
        {"k": pl.Uniform(0.1, 1.0), "a": pl.Uniform(0.5, 4.0), "s": pl.Uniform(0.0, 2.0), "g": pl.Uniform(-1.0, 1.0)},
    )  # fmt: skip

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        m, level = math.sqrt(v["a"] / v["k"]), v["s"] / v["a"]
        left, right = np.sinh(m * (1 - c["x"])) / math.sinh(m), np.sinh(m * c["x"]) / math.sinh(m)
        return {"u": level + (v["g"] - level) * left - level * right}

    return Case(problem, _grid(x=np.linspace(0, 1, 101)), exact)


def late_load() -> Case:
    """A load that begins at s: the solution has no third derivative by s, 3 max(t - s, 0)^2."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 1.0)), "u", lambda u, t, s: u.t - 6 * torch.relu(t - s), [pl.Initial(u=0.0)],
        {"s": pl.Uniform(0.2, 0.8)},
    )  # fmt: skip
    return Case(problem, _grid(t=np.linspace(0, 1, 101)),
                lambda v, c: {"u": 3 * np.maximum(c["t"] - v["s"], 0) ** 2})  # fmt: skip


CASES: dict[str, Callable[[], Case]] = {
    "fin": fin, "logistic growth": logistic, "boundary layer": boundary_layer, "viscosity": viscosity,
    "cooling": cooling, "speed of waves": wave_speed, "place of a source": source_place, "three rates": three_rates,
    "predators and prey": predators, "four numbers": four_numbers, "a load that begins late": late_load,
}  # fmt: skip
SHIPPED = ("heat_family", "reaction", "advection", "poisson_erf", "burgers_family", "kdv_family", "diffusion_sorption")
"""Families of ``pinnlab list``, of numbers."""


def shipped(name: str) -> Case:
    """A family of ``pinnlab list``, at random places, against its own reference."""
    problem, rng = pl.load_problem(name), np.random.default_rng(5)
    places = {c: rng.uniform(*bounds, 1000) for c, bounds in problem.domain.bounds.items()}

    def exact(v: Mapping[str, float], c: Mapping[str, Array]) -> Mapping[str, Array]:
        member = problem.at(**v)
        reference: Any = member.reference
        if isinstance(reference, pl.ClassicalReference) or reference is None:
            return pl.reference_solution(member.replace(reference=None), max_seconds=300)(**c)
        names = member.reference_arguments(reference)
        given = {k: torch.as_tensor(x) for k, x in {**c, **member.parameter_values()}.items() if k in names}
        found = reference(**given)
        found = found if isinstance(found, Mapping) else {problem.unknowns[0]: found}
        return {u: np.asarray(x) for u, x in found.items()}

    return Case(problem.replace(reference=None), places, exact)
