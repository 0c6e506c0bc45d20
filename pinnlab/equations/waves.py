"""Waves: scalar ones in time, of one frequency, and electromagnetic ones in the plane."""

from __future__ import annotations

from typing import Any

from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.operators import curl
from pinnlab.equations.pieces import laplacian, rate


def wave(u: Any, c: Any, f: Any = 0.0) -> Field:
    """The wave equation, u_tt = c^2 laplacian u + f.

    Source: L. C. Evans, Partial Differential Equations, 2nd ed., section 2.4.

    Args:
        u: unknown.
        c: speed, length / time.
        f: source, in the unit of u / time^2.
    """
    return rate(u, 2) - c**2 * laplacian(u) - f


def helmholtz(u: Any, k: Any, f: Any = 0.0) -> Field:
    """Helmholtz' equation, laplacian u + k^2 u = f; u may be complex.

    Source: D. Colton and R. Kress, Inverse Acoustic and Electromagnetic Scattering Theory, 3rd ed., section 2.1.

    Args:
        u: amplitude, unknown.
        k: wave number, 1 / length.
        f: source.
    """
    return laplacian(u) + k**2 * u - f


def maxwell_tm(
    Ez: Any, Hx: Any, Hy: Any, epsilon: Any = 1.0, mu: Any = 1.0, sigma: Any = 0.0, J: Any = 0.0
) -> dict[str, Field]:
    """Maxwell's equations in the plane, transverse magnetic: mu H_t = -curl E, epsilon E_t = curl H - sigma E - J.

    Source: A. Taflove and S. C. Hagness, Computational Electrodynamics, 3rd ed., section 3.3.

    Args:
        Ez: electric field across the plane, unknown.
        Hx, Hy: magnetic field in the plane, unknown.
        epsilon, mu: permittivity and permeability.
        sigma: conductivity.
        J: current density across the plane.
    """
    x, y = curl(Ez)
    return {
        "faraday_x": mu * rate(Hx) + x,
        "faraday_y": mu * rate(Hy) + y,
        "ampere": epsilon * rate(Ez) + sigma * Ez + J - curl(Hx, Hy),
    }


def maxwell_te(
    Hz: Any, Ex: Any, Ey: Any, epsilon: Any = 1.0, mu: Any = 1.0, sigma: Any = 0.0, Jx: Any = 0.0, Jy: Any = 0.0
) -> dict[str, Field]:
    """Maxwell's equations in the plane, transverse electric: epsilon E_t = curl H - sigma E - J, mu H_t = -curl E.

    Source: A. Taflove and S. C. Hagness, Computational Electrodynamics, 3rd ed., section 3.3.

    Args:
        Hz: magnetic field across the plane, unknown.
        Ex, Ey: electric field in the plane, unknown.
        epsilon, mu: permittivity and permeability.
        sigma: conductivity.
        Jx, Jy: current density in the plane.
    """
    x, y = curl(Hz)
    return {
        "ampere_x": epsilon * rate(Ex) + sigma * Ex + Jx - x,
        "ampere_y": epsilon * rate(Ey) + sigma * Ey + Jy - y,
        "faraday": mu * rate(Hz) + curl(Ex, Ey),
    }
