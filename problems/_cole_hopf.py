"""Exact solution of viscous Burgers u_t + u u_x = nu u_xx on the line for u(x, 0) = -sin(pi x), by Cole-Hopf.

With Cole's and Hopf's substitution the solution is a quotient of two heat integrals (Basdevant et al. 1986, Computers
and Fluids 14, eq. 5). The initial state is odd about -1, 0 and 1, so on [-1, 1] it also meets u(-1) = u(1) = 0.

Letters: p points, q quadrature nodes.
"""

from __future__ import annotations

import numpy as np

_CHUNK = 4000


def cole_hopf(x: np.ndarray, t: np.ndarray, nu: float) -> np.ndarray:
    """The solution u at points (x, t); shapes broadcast; accurate to about 1e-12 for nu >= 1e-3 and t <= 2.

    u(x, t) = -int sin(pi y) w dy / int w dy with w(y) = exp(-(x - y)^2 / (4 nu t) - cos(pi y) / (2 pi nu)).

    The weight is a narrow peak, or two of them where characteristics from both sides of a shock arrive, and peaks move
    away from y = x, so Gauss-Hermite nodes around x waste most of themselves or miss the peak. Instead the trapezoidal
    rule is used, which converges geometrically for such integrands (Trefethen & Weideman 2014), on the interval
    |y - x| <= t + 9 sqrt(2 nu t) outside which w, relative to its largest value, is below rounding: the peaks lie at
    y = x - u t with |u| <= 1.

    Args:
        x, t: coordinates, t >= 0.
        nu: viscosity, positive.

    Raises:
        ValueError: a negative time, or a viscosity that is not positive.
    """
    x, t = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(t, dtype=float))
    nu = float(nu)
    if not nu > 0:
        raise ValueError(f"cole_hopf(nu={nu!r}): the viscosity must be positive.")
    if t.size and t.min() < 0:
        raise ValueError(f"cole_hopf(t=...): the smallest time is {t.min():g}; give times >= 0.")
    flat_x, flat_t = x.reshape(-1), t.reshape(-1)
    result = -np.sin(np.pi * flat_x)
    later = np.flatnonzero(flat_t > 0)
    if len(later) == 0:
        return result.reshape(x.shape)
    later = later[np.argsort(flat_t[later])]
    for first in range(0, len(later), _CHUNK):
        part = later[first : first + _CHUNK]
        xs, ts = flat_x[part, None], flat_t[part, None]
        half = max(int(np.ceil(_span(t, nu) / _spacing(t, nu))) for t in (ts[0, 0], ts[-1, 0]))
        y = xs - np.linspace(-1.0, 1.0, 2 * half + 1) * _span(ts, nu)
        power = -((xs - y) ** 2) / (4 * nu * ts) - np.cos(np.pi * y) / (2 * np.pi * nu)
        weight = np.exp(power - power.max(axis=1, keepdims=True))
        result[part] = -(np.sin(np.pi * y) * weight).sum(axis=1) / weight.sum(axis=1)
    return result.reshape(x.shape)


def _span(t: np.ndarray, nu: float) -> np.ndarray:
    """Half the interval of integration."""
    return t + 9 * np.sqrt(2 * nu * t)


def _spacing(t: float, nu: float) -> float:
    """Nodes' spacing h at which the trapezoidal rule's error is below exp(-36).

    On the line Im y = a the weight is at most exp(a^2 / (4 nu t) + (cosh(pi a) - 1) / (2 pi nu)) times its largest value,
    and the error is at most that times exp(-2 pi a / h), for any a.
    """
    a = np.geomspace(1e-3, 3.0, 400)
    growth = a**2 / (4 * nu * t) + (np.cosh(np.pi * a) - 1) / (2 * np.pi * nu)
    return float((2 * np.pi * a / (36.0 + growth)).max())
