"""Elastic bodies whose corners make stresses infinite."""

from __future__ import annotations

from typing import Any

import numpy as np
import skfem
import torch
from skfem.models.elasticity import linear_elasticity
from torch import Tensor

import pinnlab as pl
from element_cases import Case
from pinnlab.equations import solids

LAMBDA, MU = 110e9, 80e9
"""Of steel, in Pa."""
FORCE = 7.7e4
"""Weight of a cubic metre, in N."""
_EVEN, _GRADED = 6, 26
"""Halvings of all triangles, and of those at a clamped corner."""
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def clamped(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Displacements of the square at points, by elements of degree 4, written by hand with scikit-fem.

    With one halving less of all triangles u differs by 8e-7 and v by 2e-7.
    """
    mesh = skfem.MeshTri().refined(_EVEN)
    for _ in range(_GRADED):
        corners = np.flatnonzero((mesh.p[0] == 0) & np.isin(mesh.p[1], (0, 1)))
        mesh = mesh.refined(np.flatnonzero(np.isin(mesh.t, corners).any(axis=0)))
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP4()))
    load = skfem.LinearForm(lambda v, w: FORCE * (v[0] - v[1])).assemble(basis)
    held = basis.get_dofs(lambda at: at[0] == 0)
    found = skfem.solve(*skfem.condense(linear_elasticity(LAMBDA, MU).assemble(basis), load, D=held))
    u, v = np.asarray(basis.probes(torch.stack([x, y]).numpy()) @ found).reshape(2, -1)
    return {"u": torch.from_numpy(u), "v": torch.from_numpy(v)}


def by_displacements() -> Case:
    """A square metre of steel in plane strain, held at x = 0, drawn by its weight and aside: stresses are r^-0.28."""
    young = MU * (3 * LAMBDA + 2 * MU) / (LAMBDA + MU)
    poisson = LAMBDA / (2 * (LAMBDA + MU))

    def balance(u: Any, v: Any) -> Any:
        return solids.plane_strain(u, v, young, poisson, fx=FORCE, fy=-FORCE)

    def traction(u: Any, v: Any, n: Any, row: int) -> Any:
        return pl.dot(solids.stress((u, v), LAMBDA, MU)[row], n)

    free = [pl.Condition(lambda u, v, n, k=k: traction(u, v, n, k), on=side) for side in ("x+", "y") for k in (0, 1)]
    return Case(
        pl.Problem(SQUARE, ("u", "v"), balance, [pl.Dirichlet(u=0.0, v=0.0, on="x-"), *free]), clamped, 1e-4, 1e-4
    )


def by_stresses() -> Case:
    """The same in five unknowns, with Hooke's law as three more equations of first order."""

    def equations(u: Any, v: Any, s: Any, q: Any, r: Any) -> dict[str, Any]:
        return {
            "x": s.x + r.y + FORCE,
            "y": r.x + q.y - FORCE,
            "s": s - (LAMBDA + 2 * MU) * u.x - LAMBDA * v.y,
            "q": q - LAMBDA * u.x - (LAMBDA + 2 * MU) * v.y,
            "r": r - MU * (u.y + v.x),
        }

    sides = [
        pl.Dirichlet(u=0.0, v=0.0, on="x-"), pl.Dirichlet(s=0.0, r=0.0, on="x+"), pl.Dirichlet(q=0.0, r=0.0, on="y"),
    ]  # fmt: skip
    return Case(pl.Problem(SQUARE, ("u", "v", "s", "q", "r"), equations, sides), clamped, 1e-4, 1e-4)
