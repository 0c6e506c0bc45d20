"""How work is shared among processes, by hand."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.machine import distributed
from pinnlab.machine.processes import ALONE, Lookout, Traffic, portion
from pinnlab.training import sharing


def test_portions() -> None:
    assert [portion(7, 3, k) for k in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 7)]
    assert [portion(1, 2, k) for k in range(2)] == [slice(0, 0), slice(0, 1)]


def test_teams() -> None:
    everybody = range(2)
    assert sharing.teams(2, 1) == [everybody] and sharing.teams(2, 3, "points") == [everybody] * 3
    assert sharing.teams(2, 3) == [range(0, 1), range(1, 2), range(1, 2)]
    assert sharing.teams(3, 6) == [range(k, k + 1) for k in (0, 0, 1, 1, 2, 2)]
    assert sharing.teams(4, 2) == [range(0, 2), range(2, 4)]
    assert sharing.teams(4, 3) == [range(4)] * 3, "3 subdomains do not fit 4 processes"
    with pytest.raises(ValueError, match="on 2 processes: this solver has one network"):
        sharing.teams(2, 1, "subdomains")


def test_parts() -> None:
    assert [sharing.part(range(2, 4), rank, False)(5) for rank in range(4)] == [
        slice(0, 0), slice(0, 0), slice(0, 2), slice(2, 5)
    ]  # fmt: skip
    assert [sharing.part(range(2), rank, True)(5) for rank in range(2)] == [slice(0, 5), slice(0, 0)]


def test_alone_nothing_is_exchanged() -> None:
    x = torch.ones(3, requires_grad=True)
    assert distributed.find() is ALONE and distributed.leads()
    assert torch.equal(ALONE.sum(x), x) and not ALONE.sum(x).requires_grad
    assert ALONE.gather(x)[1] == slice(0, 3) and len(ALONE.sums(x, x)) == 2
    assert ALONE.first(2) == 2 and ALONE.collect(2) == [2] and ALONE.any(True)
    assert list(distributed.spread(math.sqrt, [4.0, 9.0])) == [2.0, 3.0]
    assert ALONE.traffic == Traffic()
    assert Lookout(ALONE).late(1.0, 1.0) and not Lookout(ALONE).late(0.9, 1.0)


def test_requests_that_cannot_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"solve\(parallel='all'\): choose one of 'auto', 'points'"):
        pl.solve(pl.load_problem("burgers"), pl.PINN(stages=(pl.Adam(steps=1),)), parallel="all", progress=False)
    with pytest.raises(ValueError, match=r"backend='smoke'\): torch knows no such backend here; choose from gloo"):
        distributed.start("smoke")
    with pytest.raises(ValueError, match=r"start\(timeout=0\): give a positive number"):
        distributed.start("gloo", timeout=0.0)
    with pytest.raises(ValueError, match="RANK, WORLD_SIZE, .* are not set; start the script by torchrun"):
        distributed.start()
    assert distributed.own_device("cuda:1") == torch.device("cuda:1") and distributed.own_device(None).type == "cpu"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="all would take the same GPU; write device='cuda'"):
        distributed.own_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="2 processes on a machine with 1 GPUs: .* --nproc-per-node 1"):
        distributed.own_device("cuda")
