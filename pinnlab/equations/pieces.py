"""What equations are made of: rates, diffusion and advection in any number of coordinates of space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnlab.derivatives.names import Key
from pinnlab.derivatives.operators import Differentiable, div, dot, grad
from pinnlab.domains.columns import time_of


def coordinates(u: Any) -> Key:
    """The coordinates that an unknown of an equation knows; TypeError where it is no field."""
    if not isinstance(u, Differentiable):
        raise TypeError(
            f"an equation of pl.equations got {u!r} as an unknown; hand the function over as it is, "
            "equations=pl.equations.heat, or call it with fields inside an equation of your own."
        )
    return u.coordinates


def rate(u: Any, order: int = 1) -> Any:
    """The derivative by time, of the given order; 0.0 on a domain without time."""
    time = time_of(coordinates(u))
    return 0.0 if time is None else u.d(*(time,) * order)


def varies(value: Any) -> bool:
    """Whether a coefficient may change in space; numbers do not."""
    return isinstance(value, Differentiable)


def diffusion(k: Any, u: Any) -> Any:
    """div(k grad u): the flux k grad u stands inside the divergence where k varies."""
    return div(k * grad(u)) if varies(k) else k * laplacian(u)


def laplacian(u: Any) -> Any:
    """The Laplacian of an unknown; TypeError where it is no field."""
    coordinates(u)
    return u.laplacian


def advection(velocity: Sequence[Any], u: Any) -> Any:
    """div(velocity u), which is velocity . grad u where the velocity is constant.

    Args:
        velocity: one component for each coordinate of space.
        u: what is carried.
    """
    return div([v * u for v in velocity]) if any(map(varies, velocity)) else dot(velocity, grad(u))


def slopes(b: Any, like: Any) -> Sequence[Any]:
    """The gradient of something that may be a number, as long as that of ``like``."""
    return tuple(grad(b)) if varies(b) else (0.0,) * len(grad(like))
