"""Korteweg-de Vries: u_t + u u_x + 0.022^2 u_xxx = 0 on [-1, 1], periodic, u(x, 0) = cos(pi x), t in [0, 1].

The wave steepens until at t = 1/pi dispersion splits it into a train of eight solitons. Source: Zabusky & Kruskal,
Phys. Rev. Lett. 15 (1965) 240, the paper that named solitons. (Two solitons on a longer domain are ``kdv_family``.)

Reference: 256 Fourier modes, times exp(-i 0.022^2 k^3 t) a system for DOP853; relative error 3e-10 (against 384 modes
and a tolerance ten times smaller).

Recipe: 9.2e-9 in 10 s (one core); random tanh features instead of polynomials 1.4e-7 in 22 s.

Published relative L2 errors: jaxpi 1.96e-3, PirateNet 4.27e-4, 1.5e-4 (2,412 s, GPU), 8.2e-11 (four slabs, 1,210 s,
H100).
"""

import math

import torch

import pinnlab as pl
from pinnlab.problems._kdv import korteweg_de_vries
from pinnlab.reference.lazy import MemberReference

PUBLISHED = "1.5e-4 (2,412 s, GPU); 8.2e-11 (four slabs, 1,210 s, H100)"
BUDGET = 120.0


def kdv(u):
    return u.t + u * u.x + 0.022**2 * u.xxx


def start(x):
    return torch.cos(math.pi * x)


def solve():
    return korteweg_de_vries(start, 1.0, 0.022**2, (-1.0, 1.0), 1.0, 256, 1001, 1e-11)


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=kdv,
        conditions=[pl.Initial(u=start), pl.Periodic(on="x")],
        reference=MemberReference(solve, ("x", "t")),
        name="KdV",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE(tolerance=1e-8)
