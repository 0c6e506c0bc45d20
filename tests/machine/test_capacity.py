"""How much memory work may take, from what the system tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pinnlab.machine.capacity import MOST, gigabytes, usable_memory


@pytest.fixture
def system(tmp_path: Path) -> Path:
    (tmp_path / "meminfo").write_text("MemTotal:       4194304 kB\nMemAvailable:    2097152 kB\nHugePages: 0\n")
    return tmp_path


def test_half_of_what_is_free(system: Path) -> None:
    assert usable_memory(MOST, system / "meminfo", system) == 2**30


def test_a_control_group_may_leave_less(system: Path) -> None:
    (system / "memory.max").write_text(f"{3 << 29}\n")
    (system / "memory.current").write_text(f"{1 << 29}\n")
    assert usable_memory(MOST, system / "meminfo", system) == 2**29
    (system / "memory.max").write_text("max\n")
    assert usable_memory(MOST, system / "meminfo", system) == 2**30


def test_never_more_than_a_few_gigabytes(tmp_path: Path) -> None:
    assert usable_memory(MOST, tmp_path / "none", tmp_path) == MOST, "nothing is told"
    assert gigabytes(MOST) == "3 GiB"


def test_an_address_space_that_is_limited_leaves_less() -> None:
    """In a process of its own, since such a limit cannot be raised again by everyone."""
    code = (
        "import resource; from pinnlab.machine.capacity import usable_memory; "
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize(); "
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30)); print(usable_memory())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(found.stdout) <= 2**29
