"""Problems with jumps and kinks, whose answers are known in closed form or as a series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from trap.symbols import Case

Random = np.random.Generator


def _steps(positions: Sequence[float], values: Sequence[float], writing: int) -> Callable[[Any], Any]:
    """A function that is constant between positions, written in one of five ways."""

    def by_where(x: Any) -> Any:
        found = values[0] + 0 * x
        for at, later in zip(positions, values[1:], strict=True):
            found = torch.where(x > at, later, found)
        return found

    def by_product(x: Any) -> Any:
        return values[0] + sum((b - a) * (x > at) for at, a, b in zip(positions, values, values[1:], strict=False))

    def by_sign(x: Any) -> Any:
        jumps = zip(positions, values, values[1:], strict=False)
        return values[0] + sum((b - a) * (1 + torch.sign(x - at)) / 2 for at, a, b in jumps)

    def by_heaviside(x: Any) -> Any:
        one = torch.ones((), dtype=torch.float64)
        jumps = zip(positions, values, values[1:], strict=False)
        return values[0] + sum((b - a) * torch.heaviside(x - at, one) for at, a, b in jumps)

    def by_table(x: Any) -> Any:
        edges = torch.tensor(positions, dtype=x.dtype)
        return torch.tensor(values, dtype=x.dtype)[torch.bucketize(x.detach(), edges)]

    return (by_where, by_product, by_sign, by_table, by_heaviside)[writing]


def layers(rng: Random) -> Case:
    """(k u')' = 0 through a wall of layers: the flux is continuous, so that the slopes are not."""
    count = int(rng.integers(2, 4))
    positions = np.sort(rng.uniform(0.15, 0.85, size=count - 1)).tolist()
    k = (10 ** rng.uniform(-1, 2, size=count)).tolist()
    edges, low, high = [0.0, *positions, 1.0], float(rng.uniform(-1, 1)), float(rng.uniform(2, 5))
    resistance = np.cumsum([0.0] + [(b - a) / v for a, b, v in zip(edges, edges[1:], k, strict=False)])

    def exact(x: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": low + (high - low) * np.interp(x, edges, resistance / resistance[-1])}

    form = int(rng.integers(3))
    # a table needs numbers, not fields; a step of Heaviside has no derivative in torch
    writing = int(rng.choice([(0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 4)][form]))
    step = _steps(positions, k, writing)
    equations: tuple[Callable[..., Any], dict[str, Any]] = [
        (lambda u, x: pl.diff(step(x) * u.x, "x"), {}),
        (lambda u, k: pl.diff(k * u.x, "x"), {"k": lambda x: step(x)}),
        (lambda u, x: step(x) * u.xx, {}),
    ][form]
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", equations[0], [pl.Dirichlet(u=low, on="x-"), pl.Dirichlet(u=high, on="x+")],
        equations[1], name="layers",
    )  # fmt: skip
    solvers: tuple[Any, ...] = ()
    if form < 2:
        flux: Any = [lambda u, x: step(x) * u.x, lambda u, k: k * u.x][form]
        solvers = (pl.MultiDomainPINN(subdomains={"x": tuple(positions)}, interface=("value", "flux"), flux=flux),)
    where = ", ".join(f"{p:.3f}" for p in positions)
    return Case("jump of a coefficient", f"(k u_x)_x = 0, k jumps at {where} ({writing}, {form})", problem, exact,
                solvers=solvers)  # fmt: skip


def step_source(rng: Random) -> Case:
    """-u'' = f with a source that jumps: the second derivative jumps, and nothing is wrong with that."""
    at, a, b = float(rng.uniform(0.2, 0.8)), float(rng.uniform(-3, 0)), float(rng.uniform(1, 5))
    step = _steps([at], [a, b], int(rng.choice([0, 1, 2, 4])))
    # particular solution: -a x^2 / 2, less (b - a) (x - at)^2 / 2 beyond the jump; then a line for u(0) = u(1) = 0
    end = -a / 2 - (b - a) * (1 - at) ** 2 / 2

    def exact(x: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": -a * x**2 / 2 - (b - a) * np.maximum(x - at, 0) ** 2 / 2 - end * x}

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, x: -u.xx - step(x), pl.Dirichlet(u=0.0), name="jump of a source"
    )
    return Case("jump of a source", f"-u_xx = f, f jumps from {a:.2g} to {b:.2g} at {at:.3f}", problem, exact)


def _sines(start: Callable[[np.ndarray], np.ndarray], modes: int = 400) -> np.ndarray:
    """Coefficients of sin(k pi x), k = 1, ..., of a function on (0, 1), by the midpoint rule."""
    n = 40_000
    x = (np.arange(n) + 0.5) / n
    values = start(x)
    return np.array([2 * np.mean(values * np.sin(k * np.pi * x)) for k in range(1, modes + 1)])


def kinked_start(rng: Random) -> Case:
    """The heat equation from a hat, a ramp or a box, held at zero on both ends."""
    at, width, k = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.1, 0.25)), float(10 ** rng.uniform(-2, -0.5))
    shape = int(rng.integers(3))
    starts: list[tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = [
        (
            lambda x: torch.clamp(1 - (x - at).abs() / width, min=0.0),
            lambda x: np.maximum(1 - np.abs(x - at) / width, 0.0),
        ),
        (
            lambda x: torch.minimum(torch.clamp(x - 0.1, min=0.0), torch.clamp(0.9 - x, min=0.0)),
            lambda x: np.minimum(np.maximum(x - 0.1, 0.0), np.maximum(0.9 - x, 0.0)),
        ),
        (lambda x: 1.0 * ((x - at).abs() < width), lambda x: 1.0 * (np.abs(x - at) < width)),
    ]
    coefficients = _sines(starts[shape][1])

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        found = np.zeros(np.shape(x))
        for number, c in enumerate(coefficients, start=1):
            found += c * np.exp(-k * (number * np.pi) ** 2 * t) * np.sin(number * np.pi * x)
        return {"u": found}

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - k * u.xx,
        [pl.Initial(u=starts[shape][0]), pl.Dirichlet(u=0.0)], name="kink of the start",
    )  # fmt: skip
    kind = "jump of the start" if shape == 2 else "kink of the start"
    return Case(kind, f"u_t = {k:.2g} u_xx from shape {shape} at {at:.3f}, {width:.3f}", problem, exact)


def plucked(rng: Random) -> Case:
    """A plucked string: its kinks travel."""
    at, c = float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.3, 1.5))

    def hat(x: np.ndarray) -> np.ndarray:
        return np.minimum(x / at, (1 - x) / (1 - at))

    def odd(s: np.ndarray) -> np.ndarray:
        folded = np.mod(s, 2.0)
        return np.where(folded <= 1, hat(folded), -hat(2 - folded))

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": (odd(x - c * t) + odd(x + c * t)) / 2}

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - c**2 * u.xx,
        [pl.Initial(u=lambda x: torch.minimum(x / at, (1 - x) / (1 - at)), u_t=0.0), pl.Dirichlet(u=0.0)],
        name="plucked string",
    )  # fmt: skip
    return Case("kinks that travel", f"u_tt = {c:.2g}^2 u_xx from a hat at {at:.3f}", problem, exact)


def carried_step(rng: Random) -> Case:
    """A step or a hat that is carried along."""
    at, c, hat = float(rng.uniform(0.2, 0.4)), float(rng.uniform(0.2, 0.5)), bool(rng.random() < 0.5)

    def shape(s: np.ndarray) -> np.ndarray:
        return np.maximum(1 - np.abs(s - at) / 0.1, 0.0) if hat else 1.0 * (s < at)

    def start(x: Any) -> Any:
        return torch.clamp(1 - (x - at).abs() / 0.1, min=0.0) if hat else 1.0 * (x < at)

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": shape(x - c * t)}

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + c * u.x,
        [pl.Initial(u=start), pl.Dirichlet(u=0.0 if hat else 1.0, on="x-")], velocity=c, name="carried",
    )  # fmt: skip
    return Case("kinks that travel", f"u_t + {c:.2g} u_x = 0 from a {'hat' if hat else 'step'} at {at:.3f}", problem, exact,
                solvers=(pl.LagrangianPINN(),))  # fmt: skip


def melting(rng: Random) -> Case:
    """(k(u) u')' = 0 where k jumps as u passes a value: the flux is continuous at a place that is part of the solution."""
    low, passed, high = np.cumsum([rng.uniform(-1, 1), *rng.uniform(0.5, 1.5, size=2)]) * float(10 ** rng.uniform(0, 3))
    cold, hot = (float(k) for k in 10 ** rng.uniform(-1, 2, size=2))
    flux = cold * (passed - low) + hot * (high - passed)

    def exact(x: np.ndarray) -> dict[str, np.ndarray]:
        met = cold * (passed - low)
        return {"u": np.where(flux * x < met, low + flux * x / cold, passed + (flux * x - met) / hot)}

    step = _steps([float(passed)], [cold, hot], int(rng.choice([0, 1, 2, 4])))
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u: pl.diff(step(u) * u.x, "x"),
        [pl.Dirichlet(u=float(low), on="x-"), pl.Dirichlet(u=float(high), on="x+")], name="melting",
    )  # fmt: skip
    return Case("jump with the unknown", f"(k u_x)_x = 0, k jumps where u passes {passed:.4g}", problem, exact)


def steep(rng: Random) -> Case:
    """(k u')' = 0 where k = a + b tanh((x - c) / w) rises smoothly, within a share of the line that no first cell sees."""
    at, width, low, high = (
        float(rng.uniform(0.2, 0.8)),
        float(10 ** rng.uniform(-4, -2)),
        *(10 ** rng.uniform(-1, 1, size=2)),
    )
    a, b = float(low + high) / 2, float(high - low) / 2

    def passed(x: np.ndarray) -> np.ndarray:
        """An integral of 1 / k."""
        z = (x - at) / width
        sign = np.where(z < 0, -1.0, 1.0)
        # a cosh z + b sinh z, by what is left of it beside exp |z|
        left = np.log((a + b * sign) / 2 + (a - b * sign) / 2 * np.exp(-2 * np.abs(z)))
        return width * (a * z - b * (np.abs(z) + left)) / (a * a - b * b)

    def exact(x: np.ndarray) -> dict[str, np.ndarray]:
        first, last = passed(np.array(0.0)), passed(np.array(1.0))
        return {"u": (passed(x) - first) / (last - first)}

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, x: pl.diff((a + b * torch.tanh((x - at) / width)) * u.x, "x"),
        [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")], name="steep",
    )  # fmt: skip
    return Case(
        "thin layer", f"(k u_x)_x = 0, k from {low:.2g} to {high:.2g} within {width:.1e} at {at:.3f}", problem, exact
    )


KINDS: tuple[Callable[[Random], Case], ...] = (
    layers,
    step_source,
    kinked_start,
    plucked,
    carried_step,
    layers,
    melting,
    steep,
)
