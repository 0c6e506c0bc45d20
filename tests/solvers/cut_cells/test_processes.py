"""Two processes against one: cells are shared, and the solution is that of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import pinnlab as pl
from pinnlab.solvers.cut_cells import system

HOLE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.45, "y": 0.55}, 0.2, name="hole")


def steady() -> pl.Problem:
    """Two unknowns that react, around a hole."""
    return pl.Problem(
        HOLE, ("u", "v"), lambda u, v: {"u": u.laplacian + 10 * torch.exp(-v), "v": v.laplacian + 3 * u - v},
        [pl.Dirichlet(u=0.0, v=1.0, on="hole"), pl.Dirichlet(u=1.0, v=0.0, on="x"), pl.Dirichlet(u=1.0, v=0.0, on="y")],
    )  # fmt: skip


def plate() -> pl.Problem:
    """Of fourth order."""
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u, x: u.laplacian.laplacian - 100 * x,
        [pl.Dirichlet(u=0.0), pl.Neumann(u=0.0)],
    )  # fmt: skip


def marched() -> pl.Problem:
    """A stream function that carries a vorticity on the torus: complex factors, and a mean at every time."""
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.05)), ("psi", "w"),
        lambda psi, w: {"psi": psi.laplacian + w, "w": w.t + psi.y * w.x - psi.x * w.y - 0.02 * w.laplacian},
        [
            pl.Periodic(on="x"), pl.Periodic(on="y"), pl.Integral(lambda psi: psi, equals=0.0),
            pl.Initial(w=lambda x, y: torch.sin(6.283185307179586 * (x + y)) + torch.cos(6.283185307179586 * y)),
        ],
    )  # fmt: skip


PROBLEMS = {"steady": (steady, 1e-5), "plate": (plate, 1e-4), "marched": (marched, 1e-2)}


def solved() -> dict[str, Any]:
    found = {}
    for kind, (problem, tolerance) in PROBLEMS.items():
        solution = pl.solve(problem(), pl.HardConstraintMoE(tolerance=tolerance), progress=False)
        names = solution.problem.domain.coordinates
        unit = torch.rand(200, len(names), dtype=torch.float64, generator=torch.manual_seed(1))
        columns = dict(zip(names, (unit * torch.tensor([1.0, 1.0, 0.05])[: len(names)]).T, strict=True))
        values = {name: torch.as_tensor(each) for name, each in solution(**columns).items()}
        found[kind] = {"values": values, "status": solution.status.value, "notes": list(solution.notes)}
    return found


def late() -> dict[str, Any]:
    """How a solve ends that there is no time for."""
    solution = pl.solve(steady(), pl.HardConstraintMoE(tolerance=2e-13), max_seconds=4.0, progress=False)
    inside = {name: torch.linspace(0.01, 0.2, 50) for name in ("x", "y")}
    return {"status": solution.status.value, "values": solution(**inside)["u"]}


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    system._WORTH_SHARING = 0.0  # these are small
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        torch.save({"late": late(), **solved()}, f"{folder}/{rank}.pt")
        dist.barrier()  # gloo aborts a process whose partner has left
    finally:
        dist.destroy_process_group()


def test_two_processes_give_the_solutions_of_one(tmp_path: Path) -> None:
    mp.start_processes(work, args=(str(tmp_path),), nprocs=2, start_method="spawn")
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for kind, alone in solved().items():
        first, second = (each[kind] for each in both)
        for name, values in alone["values"].items():
            assert torch.allclose(first["values"][name], second["values"][name], rtol=0.0, atol=0.0, equal_nan=True)
            assert torch.allclose(first["values"][name], values, rtol=1e-7, atol=1e-9, equal_nan=True)
        assert first["status"] == second["status"] == alone["status"]
        assert "2 processes" in first["notes"][-1] and not first["notes"][-1].startswith("2 processes; 0.0")
    first, second = (each["late"] for each in both)
    assert first["status"] == second["status"] and torch.equal(first["values"], second["values"])
