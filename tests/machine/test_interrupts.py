"""Ctrl-C that comes at a bad moment waits for a better one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pinnlab.machine.interrupts import load, uninterrupted


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_waits_until_the_block_has_ended() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("whole block")
    assert done == ["whole block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_is_raised_and_ctrl_c_works_again() -> None:
    with pytest.raises(ValueError, match="of the block"), uninterrupted():
        raise ValueError("of the block")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nothing_is_held_where_interruptions_are_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_module_that_is_interrupted_while_it_is_loaded_is_loaded_whole(tmp_path: Path) -> None:
    (tmp_path / "slow_module.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nWHOLE = True\n")
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pinnlab.machine.interrupts import load\n"
        "try:\n    load('slow_module')\nexcept KeyboardInterrupt:\n    import slow_module; print(slow_module.WHOLE)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert run.stdout == "True\n", run.stderr


def test_a_loaded_module_costs_nothing_and_a_missing_one_is_named() -> None:
    load("os")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load("no_such_library")
