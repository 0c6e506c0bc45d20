"""Interface conditions that change from stage to stage: which terms count when, checkpoints, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import pinnlab as pl
from pinnlab.solvers.multidomain.by_stage import by_stage, stages_of
from pinnlab.solvers.multidomain.interfaces import CONDITIONS
from pinnlab.training.plans import Settings

STAGES = (pl.Adam(steps=20), pl.LevenbergMarquardt(steps=15))


def line() -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        lambda u, x: u.xx + 9 * torch.sin(3 * x),
        [pl.Dirichlet(u=lambda x: torch.sin(3 * x))],
        reference=lambda x: torch.sin(3 * torch.as_tensor(x)),
    )


def solver(interface: Any, **changes: Any) -> pl.MultiDomainPINN:
    given: dict[str, Any] = {"network": pl.MLP(width=6, depth=1), "points": 20, "stages": STAGES}
    return pl.MultiDomainPINN(subdomains={"x": (0.4,)}, interface=interface, **{**given, **changes})


def test_sets_and_their_stages() -> None:
    assert by_stage("matching") == ("matching",)
    assert by_stage(("value", "flux")) == (("value", "flux"),)
    assert by_stage((("value",), {"flux": 2.0})) == (("value",), {"flux": 2.0})
    assert by_stage(()) == ((),)
    value, flux = CONDITIONS["value"], CONDITIONS["flux"]
    assert stages_of((("value",), ("value", "flux"))) == {(value, 1.0): (0, 1), (flux, 1.0): (1,)}
    assert stages_of((("value",), {"value": 3.0})) == {(value, 1.0): (0,), (value, 3.0): (1,)}


def test_terms_count_in_their_stages() -> None:
    settings = Settings(torch.device("cpu"), torch.float64, 0)
    system = solver((("value",), ("normal",))).plan(line(), settings).start(0, []).system  # type: ignore[union-attr]
    weights = {block.residuals[0].split()[0]: block for block in system.blocks if block.kind == "interface"}
    assert weights["value"].weight > 0 and weights["normal"].weight == 0
    theta = system.model.theta
    loss = system.loss_and_gradient(theta)[0]
    assert float(loss) == pytest.approx(float(system.residuals(theta).square().sum()))
    assert system.enter(1) and not system.enter(1)
    assert weights["value"].weight == 0 and weights["normal"].weight > 0
    alone = solver(("normal",)).plan(line(), settings).start(0, []).system  # type: ignore[union-attr]
    assert system.held_out_loss(theta) != pytest.approx(float(loss))
    assert len(alone.blocks) == len(system.blocks) - 1
    # one set for all stages is one loss
    same = solver(("value", "normal")).plan(line(), settings).start(0, []).system  # type: ignore[union-attr]
    assert not same.enter(1)


def test_an_early_stage_that_joins_little_is_made_up_for() -> None:
    early = pl.solve(line(), solver((("residual_jump",), ("residual_jump",))), progress=False)
    late = pl.solve(line(), solver((("residual_jump",), ("matching",))), progress=False)
    assert late.error()["u"] < 1e-3 < early.error()["u"]


def test_a_run_that_was_stopped_goes_on_alike(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    given: dict[str, Any] = {"seed": 1, "progress": False}
    whole = pl.solve(line(), solver((("value",), ("matching",))), **given)
    pl.solve(line(), solver((("value",), ("matching",))), checkpoint=path, callbacks=(_stop_in(1, 3),), **given)
    resumed = pl.solve(line(), solver((("value",), ("matching",))), checkpoint=path, **given)
    x = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert torch.equal(resumed(x=x)["u"], whole(x=x)["u"])


def _stop_in(stage: int, step: int) -> Any:
    return lambda record: record.stage == stage and record.step >= step


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="2 sets of conditions, one for each stage, and there are 1 stages"):
        solver((("value",), ("flux",)), stages=(pl.Adam(steps=3),))
    with pytest.raises(ValueError, match="2 sets of conditions, one for each stage, and stages= is not given"):
        solver((("value",), ("flux",)), stages=None)
    with pytest.raises(ValueError, match="no condition joins the subdomains"):
        solver((("value",), ()))
