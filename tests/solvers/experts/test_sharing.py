"""Two processes against one: the same loss, the same gradient, the same training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import pinnlab as pl
from pinnlab.machine.distributed import find
from pinnlab.machine.processes import Processes
from pinnlab.solvers.experts.sharing import Share, share_of
from pinnlab.training.plans import Settings


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


def initial(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(math.pi * x)


def solver(coupling: str) -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE(
        network=pl.MLP(width=12, depth=2), basis=8, experts={"x": 3}, coupling=coupling, batch=3, points=40,
        stages=(pl.Adam(steps=3),),
    )  # fmt: skip


def problem() -> pl.Problem:
    conditions = [pl.Initial(u=initial, exact=False), pl.Dirichlet(u=0.0, exact=False)]
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", heat, conditions, {"nu": pl.Uniform(0.05, 0.2)}
    )  # fmt: skip


def measure(coupling: str) -> dict[str, Any]:
    settings = Settings(torch.device("cpu"), torch.float64, 0)
    system = solver(coupling).plan(problem(), settings).start(0, []).system  # type: ignore[union-attr]
    processes = find()
    if processes.count > 1:
        system.share(processes)
    loss, gradient = system.loss_and_gradient(system.model.theta)
    trained = pl.solve(problem(), solver(coupling), progress=False)
    held_out = [record.held_out for record in trained.history]
    return {"loss": loss, "gradient": gradient, "theta": trained.models[0].theta, "held_out": held_out}


def work(rank: int, folder: str, coupling: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        torch.save(measure(coupling), f"{folder}/{rank}.pt")
        dist.barrier()  # gloo aborts a process whose partner has left
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("coupling", ["none", "interface"])
def test_two_processes_give_the_numbers_of_one(coupling: str, tmp_path: Path) -> None:
    mp.start_processes(work, args=(str(tmp_path), coupling), nprocs=2, start_method="spawn")
    alone = measure(coupling)
    for rank in range(2):
        shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert float(shared["loss"]) == pytest.approx(float(alone["loss"]), rel=1e-11)
        assert torch.allclose(shared["gradient"], alone["gradient"], rtol=1e-6, atol=1e-9)
        assert torch.allclose(shared["theta"], alone["theta"], rtol=1e-6, atol=1e-8)
        assert shared["held_out"] == pytest.approx(alone["held_out"], rel=1e-6)


def test_one_process_has_everything() -> None:
    assert Share().members(3) == [0, 1, 2] and Share().experts(4) is None


def test_what_is_shared() -> None:
    first, second = (share_of("none", 5, 1, Processes(rank, 2)).experts(5) for rank in range(2))
    assert first.tolist() == [0, 2, 4] and second.tolist() == [1, 3]
    assert share_of("interface", 5, 3, Processes(1, 2)).members(3) == [1]
    with pytest.raises(ValueError, match=r"HardConstraintMoE\(batch=1\) on 2 processes: .*give batch=2"):
        share_of("interface", 3, 1, Processes(0, 2))
