"""Viscous Burgers, a family: ``burgers`` with its viscosity nu in [0.001, 0.05].

u_t + u u_x = nu u_xx on [-1, 1], u(x, 0) = -sin(pi x), u(+-1, t) = 0, t in [0, 1]: from a smooth wave to a layer of width
0.002. Source: the code of Li et al. (METALIC), arXiv 2210.12669. That code also gives the exact values at t = 1, which no
forward problem knows: ``problem(final_data=True)`` does so, for comparison.

Reference: exact, Cole and Hopf's quotient of heat integrals, tabulated once per member (a tenth of a second) on pieces that
are graded towards the layer and its birth; largest error 5e-12.

Recipe: not tuned; after 30 s a median of 0.13 over six unseen members (one core).

Published relative L2 errors: none that could be found; the paper compares choices of interface conditions.
"""

from __future__ import annotations

import numpy as np
import torch

import pinnlab as pl
from pinnlab.problems import burgers
from pinnlab.problems._cole_hopf import cole_hopf
from pinnlab.problems._pieces import pieces
from pinnlab.reference.base import Interpolant
from pinnlab.reference.lazy import MemberReference

PUBLISHED = "none found"
BUDGET = 60.0
_RIGHT = (0.0, 0.004, 0.012, 0.04, 0.12, 0.4, 1.0)
_TIMES = (0.0, 0.15, 0.25, 0.3, 0.33, 0.36, 0.4, 0.5, 0.7, 1.0)


def member(nu):
    axes = {"x": pieces((*(-x for x in _RIGHT[:0:-1]), *_RIGHT), 20), "t": pieces(_TIMES, 16)}
    x, t = np.meshgrid(axes["x"].points, axes["t"].points, indexing="ij")
    return Interpolant(axes, {"x": (-1.0, 1.0), "t": (0.0, 1.0)}, {"u": cole_hopf(x, t, nu)})


def final(x, t, nu):
    return torch.from_numpy(cole_hopf(x.numpy(), t.numpy(), float(nu)))


def problem(nu: float | None = None, final_data: bool = False) -> pl.Problem:
    one = burgers.problem()
    conditions = list(one.conditions)
    if final_data:
        conditions.append(pl.Data({"x": np.linspace(-1.0, 1.0, 101), "t": np.ones(101)}, u=final))
    family = one.replace(
        conditions=conditions,
        parameters={"nu": pl.Uniform(0.001, 0.05)},
        reference=MemberReference(member, ("x", "t")),
        name="Burgers family",
    )
    return family if nu is None else family.at(nu=nu)


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
