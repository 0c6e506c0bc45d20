"""Files of the first version 0.1, written when the package's modules lay elsewhere, still load and resume.

``data/before_the_move/cases.py`` says for each file what it holds; ``expected.json`` holds the numbers of that time.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pinnlab as pl

DATA = Path(__file__).with_name("data") / "before_the_move"
_SPECIFICATION = importlib.util.spec_from_file_location("cases_before_the_move", DATA / "cases.py")
assert _SPECIFICATION is not None and _SPECIFICATION.loader is not None
cases = importlib.util.module_from_spec(_SPECIFICATION)
sys.modules["cases_before_the_move"] = cases
_SPECIFICATION.loader.exec_module(cases)
EXPECTED = cases.expected()


def assert_same(found: dict[str, Any], wanted: dict[str, Any], tolerance: float) -> None:
    for unknown, numbers in wanted["values"].items():
        expected = np.array([float(v) for v in numbers])
        got = np.array([float(v) for v in found["values"][unknown]])
        scale = max(1e-300, float(np.nanmax(np.abs(expected))))
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale, equal_nan=True, err_msg=unknown)
    assert found["coefficients"] == pytest.approx(wanted["coefficients"], rel=max(tolerance, 1e-9))
    assert {k: found[k] for k in ("status", "notes", "models")} == {k: wanted[k] for k in ("status", "notes", "models")}


@pytest.mark.parametrize("given", [False, True], ids=["alone", "with its problem"])
@pytest.mark.parametrize("name", cases.SOLUTIONS)
def test_saved_solutions_load(name: str, given: bool) -> None:
    found = cases.described(cases.load(name, given), cases.SOLUTIONS[name])
    single, wanted = "float32" in name, EXPECTED["solutions"][name]
    if given:
        # such a file does not know the equations and conditions
        assert "was not checked" in found["notes"][-1]
        found = {**found, "notes": found["notes"][:-1]}
    assert_same(found, wanted, 1e-5 if single else 1e-9)


# a checkpoint knows its problem by the byte code of its functions, and that is another one in every version of Python
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the checkpoints were written by Python 3.11")
@pytest.mark.parametrize("name", [name for name in cases.CHECKPOINTS if name != "family_soft"])
def test_checkpoints_resume(name: str, tmp_path: Path) -> None:
    found, new = cases.resume(name, tmp_path)
    assert new == EXPECTED["checkpoints"][name]["new_records"], "it goes on, and does not begin again"
    # to the digit on one machine; another one rounds otherwise, and a few steps of training make more of it
    assert_same(cases.described(found, cases.CHECKPOINTS[name]), EXPECTED["checkpoints"][name]["undisturbed"], 1e-4)


def test_a_checkpoint_of_options_without_effect_asks_to_leave_them_out(tmp_path: Path) -> None:
    """Its run had parts and basis functions that its constraint does not have; they were ignored in silence."""
    with pytest.raises(ValueError, match=r"\(basis=6\): with constraint='soft'.*no effect; leave it out"):
        cases.resume("family_soft", tmp_path)


def test_learned_interface_conditions_load_and_trials_resume(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    shutil.copyfile(cases.TRIALS, path)
    wanted = EXPECTED["selector"]
    for what, selector in (("loaded", pl.InterfaceSelector.load(cases.SELECTOR)), ("resumed", cases.play(path))):
        found = cases.played(selector)
        np.testing.assert_allclose(found["reward"], wanted[what]["reward"], rtol=1e-6)
        assert (found["chosen"], found["text"]) == (wanted[what]["chosen"], wanted[what]["text"])
    assert path.read_text() == cases.TRIALS.read_text(), "nothing is played again"


# the code of the family and of the simulator names the file
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the file was named by Python 3.11")
def test_datasets_are_found_by_the_digest_of_their_family() -> None:
    found = cases.described_dataset(cases.dataset(cases.DATASETS))
    assert found
    for key, numbers in found.items():
        np.testing.assert_allclose(numbers, EXPECTED["dataset"][key], rtol=1e-12)
