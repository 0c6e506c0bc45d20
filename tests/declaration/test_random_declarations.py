"""Random declarations, a few: ValueError or TypeError where they are wrong, and nothing impossible accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from declarations import Runner, run_one


def test_nothing_but_value_and_type_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = Runner()
    for seed in range(250):
        run_one(seed, runner)
    assert [(f.kind, f.text) for f in runner.failures] == []
    assert min(runner.counts[how] for how in ("accepted", "refused")) > 50
