"""Flows: viscous ones, incompressible, and long waves on water.

Velocities are along the coordinates of space, in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.operators import div, dot, grad
from pinnlab.equations.pieces import laplacian, rate, slopes, varies


def stokes(
    u: Any, v: Any, p: Any, mu: Any, w: Any = None, fx: Any = 0.0, fy: Any = 0.0, fz: Any = 0.0
) -> dict[str, Field]:
    """Creeping flow, grad p = mu laplacian u + f, div u = 0.

    Source: G. K. Batchelor, An Introduction to Fluid Dynamics, section 4.8.

    Args:
        u, v, w: velocity, unknown; w in three dimensions only.
        p: pressure, unknown.
        mu: viscosity, pressure * time; where it varies, the stress mu (grad u + grad u^T) is differentiated as a whole.
        fx, fy, fz: force per volume.
    """
    velocity = _velocity(u, v, w)
    names, force = grad(p).names, (fx, fy, fz)
    found = zip(names, grad(p), _viscous(velocity, mu), force, strict=False)
    return {**{f"momentum_{n}": dp - drag - f for n, dp, drag, f in found}, "continuity": div(velocity)}


def navier_stokes(
    u: Any, v: Any, p: Any, rho: Any, mu: Any, w: Any = None, fx: Any = 0.0, fy: Any = 0.0, fz: Any = 0.0
) -> dict[str, Field]:
    """Incompressible flow, rho (u_t + u . grad u) + grad p = mu laplacian u + f, div u = 0.

    Source: G. K. Batchelor, An Introduction to Fluid Dynamics, section 3.3.

    Args:
        u, v, w: velocity, unknown; w in three dimensions only.
        p: pressure, unknown.
        rho: density.
        mu: viscosity, pressure * time; where it varies, the stress mu (grad u + grad u^T) is differentiated as a whole.
        fx, fy, fz: force per volume.
    """
    velocity = _velocity(u, v, w)
    creeping = stokes(u, v, p, mu, w, fx, fy, fz)
    inertia = {f"momentum_{n}": rho * _change(u, velocity) for n, u in zip(grad(p).names, velocity, strict=True)}
    return {name: inertia[name] + r if name in inertia else r for name, r in creeping.items()}


def shallow_water(h: Any, u: Any, v: Any = None, g: Any = 9.81, b: Any = 0.0) -> dict[str, Field]:
    """Long waves on shallow water, h_t + div(h u) = 0, u_t + u . grad u + g grad(h + b) = 0, where they are smooth.

    Source: J. J. Stoker, Water Waves, section 2.2. Across a bore momentum, and not velocity, is conserved.

    Args:
        h: depth of the water, unknown.
        u, v: velocity, unknown; v in the plane only.
        g: gravity, length / time^2.
        b: height of the bed.
    """
    velocity = _velocity(u, v)
    found = zip(grad(h).names, velocity, grad(h), slopes(b, h), strict=True)
    momentum = {f"momentum_{n}": _change(c, velocity) + g * (dh + db) for n, c, dh, db in found}
    return {"mass": rate(h) + div([h * c for c in velocity]), **momentum}


def _velocity(*components: Any) -> tuple[Any, ...]:
    """The components that there are."""
    return tuple(c for c in components if c is not None)


def _change(u: Any, velocity: Sequence[Any]) -> Any:
    """The rate of change of what moves with the flow, u_t + velocity . grad u."""
    return rate(u) + dot(velocity, grad(u))


def _viscous(velocity: Sequence[Any], mu: Any) -> list[Any]:
    """The force of viscosity per volume, along each coordinate."""
    if not varies(mu):
        return [mu * laplacian(u) for u in velocity]
    gradients = [grad(u) for u in velocity]
    return [div(mu * (row + [other[i] for other in gradients])) for i, row in enumerate(gradients)]
