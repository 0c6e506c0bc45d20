"""Benchmarks: problems x solvers x seeds, with the classical solver and published numbers next to them.

A run's error is the relative L2 error of each unknown over a grid of the whole domain, against the problem's reference,
or against the classical solution where the problem has none. Its curve is what the training recorded on the way.
"""

from pinnlab.bench.provenance import provenance
from pinnlab.bench.report import figure, markdown, remarks, table, write_all
from pinnlab.bench.results import FAILED, Baseline, Results, Run
from pinnlab.bench.running import Schedule, bench

__all__ = [
    "FAILED", "Baseline", "Results", "Run", "Schedule", "bench", "figure", "markdown", "provenance", "remarks", "table",
    "write_all",
]  # fmt: skip
