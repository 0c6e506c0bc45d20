"""Heat, diffusion, transport and reactions."""

from __future__ import annotations

from typing import Any

from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.operators import grad
from pinnlab.equations.pieces import advection, diffusion, rate


def poisson(u: Any, f: Any = 0.0, k: Any = 1.0) -> Field:
    """Poisson's equation, -div(k grad u) = f.

    Source: L. C. Evans, Partial Differential Equations, 2nd ed., section 2.2.

    Args:
        u: unknown.
        f: source.
        k: coefficient; where it varies, the flux k grad u is differentiated as a whole.
    """
    return diffusion(k, u) + f


def heat(u: Any, alpha: Any, f: Any = 0.0) -> Field:
    """The heat equation, u_t = div(alpha grad u) + f.

    Source: L. C. Evans, Partial Differential Equations, 2nd ed., section 2.3.

    Args:
        u: unknown.
        alpha: diffusivity, length^2 / time.
        f: source, in the unit of u / time.
    """
    return rate(u) - diffusion(alpha, u) - f


def conduction(T: Any, k: Any, rho: Any = 1.0, c: Any = 1.0, q: Any = 0.0) -> Field:
    """Heat conduction, rho c T_t = div(k grad T) + q, also in several materials.

    Source: H. S. Carslaw and J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., section 1.6.

    Args:
        T: temperature, unknown.
        k: conductivity, W / (m K).
        rho: density, kg / m^3.
        c: specific heat capacity, J / (kg K).
        q: heat source, W / m^3.
    """
    return rho * c * rate(T) - diffusion(k, T) - q


def convection_diffusion(u: Any, D: Any, vx: Any, vy: Any = 0.0, vz: Any = 0.0, f: Any = 0.0) -> Field:
    """Convection and diffusion, u_t + div(v u) = div(D grad u) + f.

    Source: R. B. Bird, W. E. Stewart and E. N. Lightfoot, Transport Phenomena, 2nd ed., chapter 19.

    Args:
        u: concentration, unknown.
        D: diffusivity, length^2 / time.
        vx, vy, vz: velocity along the first, second and third coordinate of space, as many as there are.
        f: source, in the unit of u / time.
    """
    velocity = (vx, vy, vz)[: len(grad(u))]
    return rate(u) + advection(velocity, u) - diffusion(D, u) - f


def reaction_diffusion(u: Any, D: Any, reaction: Any) -> Field:
    """A reaction and diffusion, u_t = div(D grad u) + reaction.

    Source: J. D. Murray, Mathematical Biology II, 3rd ed., chapter 2.

    Args:
        u: concentration, unknown.
        D: diffusivity, length^2 / time.
        reaction: rate at which u is made, an expression such as ``r * u * (1 - u)``.
    """
    return rate(u) - diffusion(D, u) - reaction


def fisher(u: Any, D: Any, r: Any) -> Field:
    """Fisher's equation, u_t = div(D grad u) + r u (1 - u).

    Source: R. A. Fisher, Annals of Eugenics 7 (1937) 355.

    Args:
        u: share of the population, unknown.
        D: diffusivity, length^2 / time.
        r: growth rate, 1 / time.
    """
    return reaction_diffusion(u, D, r * u * (1 - u))


def gray_scott(u: Any, v: Any, Du: Any, Dv: Any, F: Any, k: Any) -> dict[str, Field]:
    """The Gray-Scott reaction, u_t = div(Du grad u) - u v^2 + F (1 - u), v_t = div(Dv grad v) + u v^2 - (F + k) v.

    Source: J. E. Pearson, Science 261 (1993) 189.

    Args:
        u, v: concentrations, unknown.
        Du, Dv: diffusivities, length^2 / time.
        F, k: feed and kill rate, 1 / time.
    """
    return {
        "u": reaction_diffusion(u, Du, F * (1 - u) - u * v**2),
        "v": reaction_diffusion(v, Dv, u * v**2 - (F + k) * v),
    }
