"""Materials: layers with sources, and contacts that resist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
import torch

import pinnlab as pl
from pinnlab.declaration.arguments import with_arguments
from trap.symbols import Case, called, function, symbol
from trap.well_posed import profile

Random = np.random.Generator


def materials(rng: Random) -> Case:
    """Layers with sources, on a line, in time or in the plane: a smooth function of the resistance passed, F(R(x), ...).

    Then k u_x = F_R is continuous; a contact that resists adds itself times F_R where it is passed.
    """
    count, where = int(rng.integers(2, 4)), int(rng.integers(3))
    inner = np.sort(rng.uniform(0.15, 0.85, size=count - 1)).tolist()
    if count == 3 and inner[1] - inner[0] < 0.1:
        inner[1] = inner[0] + 0.1
    k = (10 ** rng.uniform(-0.7, 0.7, size=count)).tolist()
    contact = float(rng.uniform(0.05, 0.5)) if rng.random() < 0.4 else 0.0
    edges, sizes = [0.0, *inner, 1.0], []
    for a, b, conductivity in zip(edges, edges[1:], k, strict=False):
        sizes.append((b - a) / conductivity)
    starts = [sum(sizes[:j]) for j in range(count)]
    total = starts[-1] + sizes[-1]

    def layer(x: Any, of_layer: Callable[[int], Any]) -> Any:
        found = of_layer(0) + 0 * x
        for j, at in enumerate(inner, start=1):
            found = torch.where(x > at, of_layer(j), found)
        return found

    def passed(x: Any) -> Any:
        return layer(x, lambda j: starts[j] + (x - edges[j]) / k[j])

    other, rate = (None, "t", "y")[where], float(rng.uniform(0.3, 2))
    r = symbol("r")
    profile_of = profile(rng, r / total, 0.3)
    s = symbol(other) if other else sympy.Integer(0)
    formula = profile_of * sympy.cos(rate * s) + 0.3 * s * r
    names = ("r", other) if other else ("r",)
    by_s = [formula, *(sympy.diff(formula, s, k) if other else sympy.Integer(0) for k in (1, 2))]
    F = {key: function(f, names) for key, f in zip(("", "s", "ss"), by_s, strict=True)}
    F |= {f"r{key}": function(sympy.diff(f, r), names) for key, f in zip(("", "s", "ss"), by_s, strict=True)}
    F["rr"] = function(sympy.diff(formula, r, 2), names)

    def at(key: str, x: Any, s: Any) -> Any:
        beside = {other: s} if other else {}
        found = called(F[key], {"r": passed(x), **beside})
        for place, resistance in zip(inner, starts[1:], strict=True) if contact and key != "rr" else ():
            through = called(F[f"r{key}"], {"r": resistance + 0 * x, **beside})
            found = found + torch.where(x > place, contact * through, 0 * through)
        return found

    def conductivity(x: Any) -> Any:
        return layer(x, lambda j: k[j])

    equations: Callable[..., Any] = (
        lambda u, x, k: pl.diff(k * u.x, "x") - at("rr", x, None) / conductivity(x),
        lambda u, x, t, k: u.t - pl.diff(k * u.x, "x") - at("s", x, t) + at("rr", x, t) / conductivity(x),
        lambda u, x, y, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") - at("rr", x, y) / conductivity(x)
        - conductivity(x) * at("ss", x, y),
    )[where]  # fmt: skip
    domain = pl.Box(x=(0.0, 1.0), **({other: (0.0, 1.0)} if other else {}))
    held = with_arguments(lambda **c: at("", c["x"], c.get(other)), domain.coordinates)
    above = formula.subs(r, total) + contact * sum(sympy.diff(formula, r).subs(r, start) for start in starts[1:])
    ends: dict[str, Any] = {}
    for side, value_there in (("x-", formula.subs(r, 0)), ("x+", above)):
        ends[side] = function(value_there, (other,)) if other else float(value_there)
    conditions: list[Any] = [pl.Dirichlet(u=ends[side], on=side) for side in ends]
    if other == "t":
        conditions.append(pl.Initial(u=with_arguments(lambda x: at("", x, 0 * x), ("x",))))
    if other == "y":
        conditions.append(pl.Dirichlet(u=held, on="y"))
    jump = {"u": lambda flux: contact * flux} if contact else None
    pieces = [(pl.Box(x=(a, b)), value) for a, b, value in zip(edges, edges[1:-1], k, strict=False)]
    problem = pl.Problem(
        domain, "u", equations, conditions, {"k": pl.Piecewise(*pieces, otherwise=k[-1], jump=jump)}, name="materials"
    )

    def exact(**columns: np.ndarray) -> dict[str, np.ndarray]:
        tensors = {n: torch.as_tensor(c, dtype=torch.float64) for n, c in columns.items()}
        return {"u": held(**tensors).numpy()}

    text = f"k = {', '.join(f'{v:.2g}' for v in k)} from {', '.join(f'{v:.2f}' for v in inner)}, contact {contact:.2g}"
    return Case(f"materials{', contact' if contact else ''}{', in ' + other if other else ''}", text, problem, exact)
