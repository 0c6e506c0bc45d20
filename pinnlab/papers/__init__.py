"""The experiments of the four papers, at their authors' settings and at sizes for two cores: ``pinnlab reproduce``."""

from pinnlab.papers import causal, hard_constraints, interfaces, lagrangian
from pinnlab.papers.experiment import SIZES, Experiment, Measured, Setting, Variant

EXPERIMENTS: tuple[Experiment, ...] = (
    *causal.EXPERIMENTS,
    *lagrangian.EXPERIMENTS,
    *interfaces.EXPERIMENTS,
    *hard_constraints.EXPERIMENTS,
)
"""All of them, paper by paper."""

__all__ = ["EXPERIMENTS", "SIZES", "Experiment", "Measured", "Setting", "Variant"]
