"""Cards of the notebooks for the gallery: a picture out of each one's outputs, small, and a line.

    python docs/benchmarks/notebook_cards.py

Nothing is run: pictures are those that the notebooks are committed with. Writes gallery_notebooks.md, and pictures to
docs/images/gallery/notebooks.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

from PIL import Image
from shown.notebooks import NOTEBOOKS, NotebookCard

HERE = Path(__file__).parent
PICTURES = HERE.parent / "images" / "gallery" / "notebooks"
NOTEBOOK_FOLDER = HERE.parents[1] / "notebooks"
WIDTH = 420


def title(name: str) -> str:
    """Of a notebook: its first heading."""
    cells = json.loads((NOTEBOOK_FOLDER / f"{name}.ipynb").read_text("utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")


def pictures(name: str) -> list[bytes]:
    """All pictures that a notebook shows, in order."""
    cells = json.loads((NOTEBOOK_FOLDER / f"{name}.ipynb").read_text("utf-8"))["cells"]
    found = [output.get("data", {}).get("image/png") for cell in cells for output in cell.get("outputs", [])]
    return [base64.b64decode("".join(picture)) for picture in found if picture]


def small(picture: bytes, card: NotebookCard) -> Image.Image:
    """The card's part of a picture, at most so wide as a card."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    left, top, right, bottom = card.part
    w, h = image.size
    image = image.crop((round(left * w), round(top * h), round(right * w), round(bottom * h)))
    image.thumbnail((WIDTH, WIDTH))
    return image.quantize(128)


def page() -> str:
    """The cards."""
    lines = ["## Notebooks", "", "::::{container} gallery", ""]
    for card in NOTEBOOKS:
        lines += [
            ":::{container} card", f"![{title(card.name)}](images/gallery/notebooks/{card.name}.png)", "",
            f"**{title(card.name)}**", "", f"`notebooks/{card.name}.ipynb`", "", card.line, ":::", "",
        ]  # fmt: skip
    return "\n".join([*lines, "::::", ""])


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for card in NOTEBOOKS:
        small(pictures(card.name)[card.picture], card).save(PICTURES / f"{card.name}.png", optimize=True)
    (HERE / "gallery_notebooks.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
