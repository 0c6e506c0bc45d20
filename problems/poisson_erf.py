"""Poisson, a family: u_xx + u_yy = f on [0, 1]^2, u = 0 on all sides; f is a box of height 1 with edges of width 1/s.

f = g(x) g(y) with g(z) = (erf(s (z - 1/4)) - erf(s (z - 3/4))) / (2 erf(s / 4)), which is 1 in the middle; the sharpness s
is in [1, 50]. For small s the source does not vanish at the corners, and u behaves as r^2 log r there. Source: the code of
Li et al. (METALIC), arXiv 2210.12669, whose reference are finite differences on 101 x 101 nodes.

Reference: spectral elements on a grid graded towards the sides, solved directly; relative error below 1e-10 for every s (by
raising the degree), 10 ms per member.

Recipe: not tuned; after 30 s a median of 2.6e-2 over six unseen members (one core).

Published relative L2 errors: none that could be found; the paper compares choices of interface conditions.
"""

from __future__ import annotations

import torch

import pinnlab as pl
from pinnlab.problems._poisson_square import poisson_square
from pinnlab.reference.lazy import MemberReference

PUBLISHED = "none found"
BUDGET = 60.0


def edge(z, s):
    return (torch.erf(s * (z - 0.25)) - torch.erf(s * (z - 0.75))) / (2 * torch.erf(s / 4))


def poisson(u, x, y, s):
    return u.xx + u.yy - edge(x, s) * edge(y, s)


def member(s):
    return poisson_square(lambda z: edge(torch.from_numpy(z), torch.tensor(s, dtype=torch.float64)).numpy())


def problem(s: float | None = None) -> pl.Problem:
    family = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns="u",
        equations=poisson,
        conditions=[pl.Dirichlet(u=0.0)],
        parameters={"s": pl.Uniform(1.0, 50.0)},
        reference=MemberReference(member, ("x", "y")),
        name="Poisson, box of sharpness s",
    )
    return family if s is None else family.at(s=s)


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
