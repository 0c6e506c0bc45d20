"""Equations that nobody should write again, as functions of fields and parameters: ``equations=pl.equations.heat``.

Used so, arguments are bound by name like those of any equation: the unknowns and parameters of the problem are called as
here, and arguments with a default may be left out. Inside an equation of one's own they are called with whatever plays
the part: ``lambda T, a: pl.equations.heat(T, a)``. The time derivative is that by the domain's time, whatever it is
called, and is left out on a domain without time; derivatives in space are by all coordinates of space.
"""

from pinnlab.equations.fluids import navier_stokes, shallow_water, stokes
from pinnlab.equations.quantum import nonlinear_schroedinger, schroedinger, stationary_schroedinger
from pinnlab.equations.solids import elasticity, lame, plane_strain, plane_stress, plane_stress_lame, stress
from pinnlab.equations.transport import (
    conduction,
    convection_diffusion,
    fisher,
    gray_scott,
    heat,
    poisson,
    reaction_diffusion,
)
from pinnlab.equations.waves import helmholtz, maxwell_te, maxwell_tm, wave

__all__ = [
    "conduction", "convection_diffusion", "elasticity", "fisher", "gray_scott", "heat", "helmholtz", "lame", "maxwell_te",
    "maxwell_tm", "navier_stokes", "nonlinear_schroedinger", "plane_strain", "plane_stress", "plane_stress_lame", "poisson",
    "reaction_diffusion", "schroedinger", "shallow_water", "stationary_schroedinger", "stokes", "stress", "wave",
]  # fmt: skip
