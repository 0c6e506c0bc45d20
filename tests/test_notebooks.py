"""Notebooks run from a fresh kernel with small budgets, and are committed with their outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import notebook_cards
import pytest
from nbclient import NotebookClient
from shown.notebooks import NOTEBOOKS as CARDS

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINNLAB_SECONDS", "2")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    errors = [o for c in notebook.cells for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert not errors


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_is_committed_with_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    assert any(c.outputs for c in cells)
    assert any("image/png" in o.get("data", {}) for c in cells for o in c.outputs)


def test_every_notebook_has_a_card_in_the_gallery() -> None:
    assert sorted(card.name for card in CARDS) == [path.stem for path in NOTEBOOKS]
    page = (notebook_cards.HERE / "gallery_notebooks.md").read_text("utf-8")
    assert page == notebook_cards.page(), "python docs/benchmarks/notebook_cards.py"
    for card in CARDS:
        shown = notebook_cards.pictures(card.name)[card.picture]
        there = (notebook_cards.PICTURES / f"{card.name}.png").read_bytes()
        assert there[:8] == b"\x89PNG\r\n\x1a\n" and notebook_cards.small(shown, card).size[0] > 200
