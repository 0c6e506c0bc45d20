"""Schroedinger's equations; psi is a complex unknown, ``unknowns={"psi": complex}``."""

from __future__ import annotations

from typing import Any

from pinnlab.derivatives.fields import Field
from pinnlab.domains.columns import time_of
from pinnlab.equations.pieces import coordinates, laplacian, rate


def schroedinger(psi: Any, V: Any = 0.0, hbar: Any = 1.0, m: Any = 1.0) -> Field:
    """Schroedinger's equation, i hbar psi_t = -hbar^2 / (2 m) laplacian psi + V psi.

    Source: E. Schroedinger, Physical Review 28 (1926) 1049.

    Args:
        psi: wave function, a complex unknown.
        V: potential energy.
        hbar: reduced Planck constant; 1 in atomic units.
        m: mass.

    Raises:
        ValueError: the domain has no time.
    """
    return 1j * hbar * _rate(psi) - _energy(psi, V, hbar, m)


def stationary_schroedinger(psi: Any, E: Any, V: Any = 0.0, hbar: Any = 1.0, m: Any = 1.0) -> Field:
    """The stationary equation, -hbar^2 / (2 m) laplacian psi + V psi = E psi; psi may be real.

    Source: E. Schroedinger, Annalen der Physik 384 (1926) 361.

    Args:
        psi: wave function, unknown.
        E: energy, a number or an unknown coefficient.
        V, hbar, m: as for ``schroedinger``.
    """
    return _energy(psi, V, hbar, m) - E * psi


def nonlinear_schroedinger(psi: Any, g: Any = 1.0, V: Any = 0.0) -> Field:
    """The cubic equation, ``i psi_t = -1/2 laplacian psi + V psi - g |psi|^2 psi``; focusing for g > 0.

    Source: V. E. Zakharov and A. B. Shabat, Soviet Physics JETP 34 (1972) 62. The Gross-Pitaevskii equation has g < 0.

    Args:
        psi: envelope, a complex unknown.
        g: strength of the nonlinearity.
        V: potential.

    Raises:
        ValueError: the domain has no time.
    """
    return 1j * _rate(psi) + laplacian(psi) / 2 - V * psi + g * (psi * psi.conj()).real * psi


def _energy(psi: Any, V: Any, hbar: Any, m: Any) -> Any:
    """What the Hamiltonian makes of psi."""
    return -(hbar**2) / (2 * m) * laplacian(psi) + V * psi


def _rate(psi: Any) -> Any:
    if time_of(coordinates(psi)) is None:
        raise ValueError(
            "Schroedinger's equation in time on a domain without time; use pl.equations.stationary_schroedinger, or add "
            "t=(start, end) to the domain."
        )
    return rate(psi)
