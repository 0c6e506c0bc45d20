"""The stand-in for solve, loaded by path: test folders are no packages."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pinnlab.selection import trials


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module ``fake.py``; trials are solved by it."""
    spec = importlib.util.spec_from_file_location("fake_family", Path(__file__).with_name("fake.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fake_family", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(trials, "solve", module.solve)
    yield module
