"""Inverse problems of the library: a default call finds what made their data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.problems import lotka_volterra, modulus_field, robertson_inverse


@pytest.mark.parametrize("module", [lotka_volterra, robertson_inverse], ids=lambda m: m.__name__.split(".")[-1])
def test_files_are_those_that_were_made(module) -> None:
    lines, again = module.FILE.read_text("utf-8").splitlines(), module.table().splitlines()
    assert lines[:2] == again[:2]
    there, made = (np.array([[float(v) for v in line.split(",")] for line in each[2:]]) for each in (lines, again))
    # the last digit may depend on the machine
    assert there == pytest.approx(made, rel=1e-5, abs=0.011 if module is lotka_volterra else 1e-9)


@pytest.mark.parametrize("module", [lotka_volterra, robertson_inverse], ids=lambda m: m.__name__.split(".")[-1])
def test_rates_lie_within_their_intervals(module) -> None:
    solution = pl.solve(module.problem(), max_seconds=module.BUDGET, progress=False)
    assert solution.status is pl.Status.CONVERGED
    for name, (low, high) in solution.intervals(0.95).items():
        assert low <= module.TRUTH[name] <= high, name
        assert high - low < 0.3 * module.TRUTH[name], name


def test_a_modulus_field_lies_within_its_band() -> None:
    solution = pl.solve(modulus_field.problem(), max_seconds=modulus_field.BUDGET, progress=False)
    assert solution.status is pl.Status.CONVERGED
    assert solution.error()["E"] < 0.06
    x, y = np.meshgrid(np.linspace(0, 1, 31), np.linspace(0, 1, 31))
    low, high = solution.coefficients["E"].band(0.95, x, y)
    true = modulus_field.modulus(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    assert ((low <= true) & (true <= high)).mean() > 0.9
    assert (high - low).mean() < 0.3
