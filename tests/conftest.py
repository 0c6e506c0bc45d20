"""Settings of every test process: one thread, so that run times do not depend on what else the machine does."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import pytest

# read when NumPy's, SciPy's and torch's libraries are loaded, which happens after this file
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_collection_modifyitems(items: list) -> None:
    """Notebooks first: one process runs them while the other runs the rest, and none waits for them in the end."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py")


@pytest.fixture
def hot_side() -> Callable[..., Any]:
    """The unit square that starts at 0, u_t = u_xx + u_yy, with 1 at x = 1 and 0 at the other sides: series of sines.

    They converge for t of 0.01 and more.
    """
    import numpy as np

    def values(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        m, total = np.arange(1, 400), np.zeros_like(x)
        for k in range(1, 400, 2):
            a = k * math.pi
            steady = np.exp(a * (x - 1)) * (1 - np.exp(-2 * a * x)) / (1 - math.exp(-2 * a))
            rates = a**2 + (m * math.pi) ** 2
            waves = 2 * (-1.0) ** (m + 1) * m * math.pi / rates * np.sin(m * math.pi * x[:, None])
            total += 4 / a * np.sin(a * y) * (steady - (waves * np.exp(-rates * t[:, None])).sum(axis=1))
        return total

    return values
