"""Elastic modulus field of a plate from its displacements: plane stress, under tension.

A square plate [0, 1]^2 of the Poisson ratio 0.3 lies against frictionless stops at the left and at the bottom, is pulled at
the right by a stress of one, and is free at the top. The modulus E(x, y) is to be found, positive, from both displacements
at 15 x 15 places with normal noise of 1 % of the largest value of each (``noise``, ``seed`` 0).

Source: the setting of elastography and of digital image correlation; Barbone & Gokhale, Inverse Problems 20 (2004) 283.

Reference: exact, and so are the data before the noise. A stress that is one along x and zero otherwise needs no forces
inside, and its strains are compatible where the compliance c = 1 / E has c_yy = nu c_xx: c = 1 + 0.4 cos(p x) cos(q y) with
p = 2 pi, q = sqrt(nu) p.

Recipe: local polynomials around which the field is fitted, nothing trained.

Published errors: none for this setting.
"""

import math

import numpy as np
import torch

import pinnlab as pl

PUBLISHED = "none for this setting"
BUDGET = 60.0
NU, SIZE, P = 0.3, 0.4, 2 * math.pi
Q = math.sqrt(NU) * P


def modulus(x, y):
    return 1 / (1 + SIZE * torch.cos(P * x) * torch.cos(Q * y))


TRUTH = {"E": modulus}


def exact(x, y):
    u = x + SIZE / P * torch.sin(P * x) * torch.cos(Q * y)
    v = -NU * (y + SIZE / Q * torch.cos(P * x) * torch.sin(Q * y))
    return {"u": u, "v": v, "E": modulus(x, y)}


def stresses(u, v, E):
    """Along x, along y, shear."""
    along = E / (1 - NU**2)
    return along * (u.x + NU * v.y), along * (v.y + NU * u.x), E / (2 * (1 + NU)) * (u.y + v.x)


def equilibrium(u, v, E):
    first, second, shear = stresses(u, v, E)
    return {"x": pl.diff(first, "x") + pl.diff(shear, "y"), "y": pl.diff(shear, "x") + pl.diff(second, "y")}


def pulled(u, v, E):
    first, _, shear = stresses(u, v, E)
    return {"tension": first - 1, "shear": shear}


def free(u, v, E):
    _, second, shear = stresses(u, v, E)
    return {"tension": second, "shear": shear}


def shear(u, v, E):
    return stresses(u, v, E)[2]


def problem(noise: float = 0.01, seed: int = 0) -> pl.Problem:
    rng, places = np.random.default_rng(seed), np.linspace(0.0, 1.0, 15)
    x, y = (each.ravel() for each in np.meshgrid(places, places))
    at = {name: value.numpy() for name, value in exact(torch.from_numpy(x), torch.from_numpy(y)).items() if name != "E"}
    measured = {name: value + noise * np.abs(value).max() * rng.normal(size=len(x)) for name, value in at.items()}
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns=("u", "v"),
        equations=equilibrium,
        conditions=[
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Condition(shear, on="x-"),
            pl.Dirichlet(v=0.0, on="y-"),
            pl.Condition(shear, on="y-"),
            pl.Condition(pulled, on="x+"),
            pl.Condition(free, on="y+"),
            pl.Data({"x": x, "y": y}, **measured),
        ],
        parameters={"E": pl.Unknown(1.0, of=("x", "y"), bounds=(0, None))},
        reference=exact,
        name="modulus field",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
