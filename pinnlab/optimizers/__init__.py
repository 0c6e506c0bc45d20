"""Optimizers: each is one stage of training on a flat parameter vector."""

from __future__ import annotations

from pinnlab.optimizers.base import Objective, Optimizer, Step
from pinnlab.optimizers.first_order import SOAP, Adam
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.optimizers.quasi_newton import LBFGS, SSBroyden
from pinnlab.optimizers.sketched_gauss_newton import SketchedGaussNewton
from pinnlab.optimizers.torch_optimizers import Torch

__all__ = [
    "LBFGS", "SOAP", "Adam", "LevenbergMarquardt", "Objective", "Optimizer", "SSBroyden", "SketchedGaussNewton", "Step",
    "Torch",
]  # fmt: skip
