"""Freed memory is kept inside the block and returned after it; checked in processes of their own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs Linux with glibc"
)

SCRIPT = """
import resource, sys
from contextlib import nullcontext
import torch
from pinnlab.machine.memory import kept_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(8_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

before = faults()
with kept_memory():
    faults()
    inside, held = faults(), resident()
print(before, inside, held - resident(), faults())
"""


def measured(**variables: str) -> tuple[int, int, int, int]:
    """Page faults of ten arrays of 64 MB, the same inside the block, the bytes returned at its end, faults after it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env={**clean, **variables}
    )
    before, inside, returned, after = map(int, done.stdout.split())
    return before, inside, returned, after


def test_arrays_are_made_without_new_pages_and_memory_is_returned() -> None:
    before, inside, returned, after = measured()
    assert before > 500 and inside < 100 and returned > 20e6 and after > 500


def test_a_user_s_own_choice_stands() -> None:
    before, inside, _, _ = measured(MALLOC_MMAP_THRESHOLD_="100000")
    assert before > 500 and inside > 500
