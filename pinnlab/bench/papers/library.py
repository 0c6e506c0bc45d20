"""The experiments by paper and name. Their files, ``pinnlab/papers/PAPER.py``, are found when they are asked for."""

from __future__ import annotations

import importlib
from functools import cache

from pinnlab.bench.papers.experiment import Experiment

PAPERS = ("causal", "lagrangian", "metalic", "pi_hc_moe")
"""In the order of the package's methods."""


@cache
def experiments(paper: str) -> tuple[Experiment, ...]:
    """All experiments of a paper.

    Args:
        paper: one of ``PAPERS``.
    """
    return importlib.import_module(f"pinnlab.papers.{paper}").EXPERIMENTS
