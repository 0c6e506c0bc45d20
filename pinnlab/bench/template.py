"""A problem file to start from, for ``pinnlab new``."""

from __future__ import annotations

from pathlib import Path

TEXT = '''"""Heat in a bar: u_t = D u_xx on [0, 1] from sin(pi x), held at zero at both ends, t to 1.

    pinnlab run {name}                    solve it, compare with a classical solver, draw it
    pinnlab run {name} -p D=0.3           another diffusivity
"""

import math

import torch

import pinnlab as pl

BUDGET = 20.0  # seconds, at most


def heat(u, D):
    """What must vanish. Arguments are bound by name: unknowns, coordinates, parameters; u.t and u.xx are derivatives."""
    return u.t - D * u.xx


def start(x):
    """Values at the start; functions of coordinates use torch."""
    return torch.sin(math.pi * x)


def problem(D: float = 0.1) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[
            pl.Initial(u=start),
            pl.Dirichlet(u=0.0),  # both ends; on="x-" is one of them
        ],
        parameters={{"D": D}},
        # an exact solution, if there is one, to tell errors; else leave it out
        reference=lambda x, t, D: torch.sin(math.pi * x) * torch.exp(-D * math.pi**2 * t),
        name="heat in a bar",
    )


# A solver of your own choice; without recipe(), one is picked from properties of the problem.
# def recipe():
#     return pl.PINN(network=pl.MLP(width=20, depth=3))
'''


def write_template(path: Path) -> None:
    """Write a commented problem file that works at once.

    Raises:
        ValueError: the name does not end in .py, or there is such a file.
        OSError: it cannot be written.
    """
    if path.suffix != ".py":
        raise ValueError(f"{path}: a problem is a Python file; give a name that ends in .py.")
    if path.exists():
        raise ValueError(f"{path} exists; give another name, or delete it first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(name=path), encoding="utf-8")
