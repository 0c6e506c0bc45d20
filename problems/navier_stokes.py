"""Navier-Stokes on the unit torus: w_t + psi_y w_x - psi_x w_y = nu lap w, lap psi = -w, nu = 1e-4, t in [0, 5].

A family: the initial vorticity is a Gaussian random field with the periodic kernel exp(-2 sin^2(pi d) / 0.8^2) along x and
y, standard deviation 1, without its mean, which no flow on a torus has. Source: Chalapathi, Du & Krishnapriyan, arXiv
2402.13412, section 5.2.

The unknowns are the vorticity w and the stream function psi, whose derivatives (psi_y, -psi_x) are the velocity: it is free
of divergence by construction, only derivatives up to the second appear, and every equation is pointwise. (In velocities
there would be one unknown and one equation more; in psi alone, fourth derivatives; the paper solves a Poisson problem by
FFT inside its layer, which is not pointwise.) psi is determined up to a constant in space, which moves nothing.

Reference: per member, a pseudo-spectral method on 128 nodes per axis, in a few seconds; relative error about 2e-5 (64 nodes
are not enough, 6e-3, as the vorticity is drawn into thin layers). ``data()`` makes datasets by the same method.
``pl.reference_solution`` solves members from the equations themselves, psi eliminated, and agrees to 2e-5; it takes longer.

Published mean relative L2 errors of w over unseen members at 256^2 (arXiv 2402.13412): PI-HC-MoE 8.30 %, PI-HC 11.75 %,
PI-SC 18.1 %.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

import pinnlab as pl
from pinnlab.problems._vorticity import END, pseudo_spectral, reference, time_steps
from pinnlab.reference.datasets import Dataset, generate

PUBLISHED = "8.30e-2 (PI-HC-MoE, mean over unseen members, GPU)"
BUDGET = 600.0
VISCOSITY = 1e-4


def vorticity(w, psi, nu):
    return {
        "transport": w.t + psi.y * w.x - psi.x * w.y - nu * (w.xx + w.yy),
        "stream function": psi.xx + psi.yy + w,
    }


def problem(seed: int | None = None, end: float = END) -> pl.Problem:
    if not 0 < end <= END:
        raise ValueError(f"problem(end={end!r}): the reference knows times up to {END:g}.")
    family = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, end)),
        unknowns=("w", "psi"),
        equations=vorticity,
        conditions=[pl.Initial(w=lambda w0: w0), pl.Periodic(on="x"), pl.Periodic(on="y")],
        parameters={"nu": VISCOSITY, "w0": pl.RandomField(on=("x", "y"), length_scale=0.8, centered=True)},
        reference=reference,
        name="Navier-Stokes",
    )
    return family if seed is None else family.sample(np.random.default_rng(seed))


def recipe() -> pl.HardConstraintMoE:
    """Sized for a CPU: two seconds a step. The paper's size (8 layers of width 64, 64 functions, 64^3 nodes) is a GPU's."""
    return pl.HardConstraintMoE(
        network=pl.FNO(modes=(8, 8, 6), width=24, depth=3),
        basis=32,
        experts={"x": 2, "y": 2},
        batch=1,
        grid={"x": 32, "y": 32, "t": 16},
    )


def data(
    count: int = 100,
    *,
    grid: int = 64,
    times: int = 64,
    nodes: int | None = None,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Dataset:
    """The vorticity of random members on a grid of space and time, from disk where it was made before.

    Args:
        count: number of members.
        grid: nodes per space axis that are kept.
        times: equidistant times from 0 to 5 that are kept.
        nodes: per space axis of the simulation, a multiple of ``grid``; the first that has 128 if None.
        seed: of the members.
        folder: see ``generate``.
        progress: see ``generate``.

    Raises:
        ValueError: ``nodes`` is no even multiple of ``grid``.
    """
    fine = grid * max(1, -(-128 // grid)) if nodes is None else nodes
    if fine % grid or fine % 2:
        raise ValueError(
            f"data(nodes={nodes}, grid={grid}): the simulation needs an even multiple of the grid's nodes."
        )
    x = np.arange(fine) / fine
    steps = time_steps(fine, END / (times - 1))
    axes = {"x": np.arange(grid) / grid, "y": np.arange(grid) / grid, "t": np.linspace(0.0, END, times)}

    def simulate(members: Sequence[dict]) -> dict[str, np.ndarray]:
        start = np.stack([member["w0"](x[:, None], x[None, :]) for member in members])
        every = fine // grid
        return {"w": pseudo_spectral(start, VISCOSITY, END, times, steps)[:, ::every, ::every]}

    settings = {"nodes": fine, "steps": steps}
    return generate(
        "navier_stokes", problem(), count, simulate, axes,
        seed=seed, settings=settings, batch=max(1, 20 * 64**2 // fine**2), folder=folder, progress=progress,
    )  # fmt: skip
