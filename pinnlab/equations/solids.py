"""Linear elasticity.

Letters: d coordinates of space.

The unknowns are displacements along the coordinates of space, in their order. On a domain with time the inertia rho u_tt
is in the balance, on one without it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.operators import div, grad
from pinnlab.derivatives.vectors import Vector
from pinnlab.equations.pieces import laplacian, rate, varies


def lame(E: Any, nu: Any) -> tuple[Any, Any]:
    """Lame's constants (lambda, mu) in three dimensions and in plane strain, of Young's modulus and Poisson's ratio."""
    return E * nu / ((1 + nu) * (1 - 2 * nu)), E / (2 * (1 + nu))


def plane_stress_lame(E: Any, nu: Any) -> tuple[Any, Any]:
    """The constants (lambda, mu) with which a thin sheet's stress in its plane is that of ``stress``."""
    return E * nu / (1 - nu**2), E / (2 * (1 + nu))


def stress(displacement: Sequence[Any], lam: Any, mu: Any) -> tuple[Vector, ...]:
    """Hooke's law, sigma = lambda div(u) 1 + mu (grad u + grad u^T): d rows, so that ``stress((u, v), lam, mu)[0].y`` is
    sigma_xy, and the traction on a side with normal n has the components ``pl.dot(row, n)``.

    Args:
        displacement: d fields.
        lam, mu: Lame's constants, as ``lame(E, nu)`` or ``plane_stress_lame(E, nu)`` give them.
    """
    slopes = [grad(u) for u in displacement]
    pressure = lam * div(displacement)
    return tuple(
        Vector(
            row.names,
            [mu * (row[j] + slopes[j][i]) + (pressure if i == j else 0.0) for j in range(len(slopes))],
        )
        for i, row in enumerate(slopes)
    )


def plane_strain(u: Any, v: Any, E: Any, nu: Any, fx: Any = 0.0, fy: Any = 0.0, rho: Any = 1.0) -> dict[str, Field]:
    """Linear elasticity of a long body, rho u_tt = div sigma + f, displacements in the plane.

    Source: S. P. Timoshenko and J. N. Goodier, Theory of Elasticity, 3rd ed., sections 9 and 16.

    Args:
        u, v: displacements, unknown.
        E: Young's modulus, force / length^2.
        nu: Poisson's ratio, from 0 to below 0.5.
        fx, fy: force per volume.
        rho: density; has no effect on a domain without time.
    """
    return _balance((u, v), lame(E, nu), (fx, fy), rho)


def plane_stress(u: Any, v: Any, E: Any, nu: Any, fx: Any = 0.0, fy: Any = 0.0, rho: Any = 1.0) -> dict[str, Field]:
    """Linear elasticity of a thin sheet, rho u_tt = div sigma + f, displacements in the plane.

    Source: S. P. Timoshenko and J. N. Goodier, Theory of Elasticity, 3rd ed., sections 8 and 16.

    Args: as for ``plane_strain``.
    """
    return _balance((u, v), plane_stress_lame(E, nu), (fx, fy), rho)


def elasticity(
    u: Any, v: Any, w: Any, E: Any, nu: Any, fx: Any = 0.0, fy: Any = 0.0, fz: Any = 0.0, rho: Any = 1.0
) -> dict[str, Field]:
    """Linear elasticity in three dimensions, rho u_tt = div sigma + f.

    Source: L. D. Landau and E. M. Lifshitz, Theory of Elasticity, 3rd ed., sections 5, 7 and 22.

    Args:
        u, v, w: displacements, unknown.
        E, nu, rho: as for ``plane_strain``.
        fx, fy, fz: force per volume.
    """
    return _balance((u, v, w), lame(E, nu), (fx, fy, fz), rho)


def _balance(displacement: Sequence[Any], constants: tuple[Any, Any], force: Sequence[Any], rho: Any) -> dict[str, Any]:
    names = grad(displacement[0]).names
    if any(map(varies, constants)):
        inner = [div(row) for row in stress(displacement, *constants)]
    else:  # Navier's form: derivatives of unknowns only
        lam, mu = constants
        inner = [
            (lam + mu) * sum(other.d(name, along) for other, along in zip(displacement, names, strict=True))
            + mu * laplacian(u)
            for u, name in zip(displacement, names, strict=True)
        ]
    return {
        f"balance_{name}": rho * rate(u, 2) - i - f
        for name, u, i, f in zip(names, displacement, inner, force, strict=True)
    }
