"""Korteweg-de Vries, a family: u_t + c u u_x + u_xxx = 0 on [0, 20], t in [0, 20], from two solitons; c in [1, 10].

u(x, 0) is the sum of q/2 sech^2(sqrt(q)/2 (x - x0)) for q = 0.75 at x0 = 6.6 and q = 0.4 at x0 = 13. With c = 6 these move
as solitons at the speeds q; with other c they decay into more waves. Source: the code of Li et al. (METALIC), arXiv
2210.12669, whose reference is periodic, while its networks get side values from that reference.

Here the problem is periodic, which needs no data that a user does not have, and the initial state is summed over the
solitons' periodic images: without these (as in the code, on 64 nodes) it jumps by 0.004 where the period closes, and a jump
sends waves of all lengths through the domain. ``problem(sides="reference")`` gives side values from the reference instead:
u on both sides and, as an equation of third order needs three conditions, u_x on the right. ``final_data=True`` gives the
solution at t = 20 as well, as that code does, for comparison.

Reference: 64 Fourier modes, times exp(-i k^3 t) a smooth system for DOP853; relative error below 1e-9 for every c (against
192 modes and ETDRK4 with 16,000 steps), a second or two per member.

Recipe: not tuned. Members: 5e-8 for c = 6 in 6 s (local experts, one core).

Published relative L2 errors: none that could be found; the paper compares choices of interface conditions.
"""

from __future__ import annotations

import numpy as np

import pinnlab as pl
from pinnlab.problems._solitons import END, LENGTH, Sides, solve, start
from pinnlab.reference.lazy import MemberReference

PUBLISHED = "none found"
BUDGET = 120.0


def kdv(u, c):
    return u.t + c * u * u.x + u.xxx


def problem(c: float | None = None, sides: str = "periodic", final_data: bool = False) -> pl.Problem:
    if sides not in ("periodic", "reference"):
        raise ValueError(f"problem(sides={sides!r}): choose 'periodic' or 'reference'.")
    reference = MemberReference(lambda c: solve(float(c)), ("x", "t"))
    conditions: list = [pl.Initial(u=start)]
    if sides == "periodic":
        conditions.append(pl.Periodic(on="x"))
    else:
        given = Sides(reference)
        conditions += [
            pl.Dirichlet(u=lambda t, c: given.value(t, c), on="x"),
            pl.Neumann(u=lambda t, c: given.slope(t, c), on="x+"),
        ]
    if final_data:
        points = {"x": np.linspace(0.0, LENGTH, 101), "t": np.full(101, END)}
        conditions.append(pl.Data(points, u=lambda x, t, c: reference(x=x, t=t, c=float(c))["u"]))
    family = pl.Problem(
        domain=pl.Box(x=(0.0, LENGTH), t=(0.0, END)),
        unknowns="u",
        equations=kdv,
        conditions=conditions,
        parameters={"c": pl.Uniform(1.0, 10.0)},
        reference=reference,
        name="KdV, two solitons",
    )
    return family if c is None else family.at(c=c)


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
