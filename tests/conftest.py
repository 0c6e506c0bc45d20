"""Settings of every test process: one thread, so that run times do not depend on what else the machine does."""

from __future__ import annotations

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
    """See ``said.plates.hot_side``."""
    from said import plates

    return plates.hot_side
