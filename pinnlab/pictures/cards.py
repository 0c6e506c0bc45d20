"""The card of a solution: what ``print`` says of it, and a small picture."""

from __future__ import annotations

import io

from pinnlab.pictures.asked import asked_figure
from pinnlab.training.result import Solved
from pinnlab.typeset import card, paragraph, picture

_DOTS = 60
"""Per inch, of a picture that only shows which solution it is."""


def solution_card(solution: Solved, said: str) -> str:
    """The card as HTML; of a family without a picture.

    Args:
        solution: what is drawn.
        said: lines of text, the first of which is the title.
    """
    title, *lines = said.splitlines()
    parts = [paragraph(line) for line in lines]
    if not solution.problem.families:
        figure = asked_figure(solution, (), None, None, {})
        with io.BytesIO() as file:
            figure.savefig(file, format="png", dpi=_DOTS, bbox_inches="tight")
            parts.append(picture(file.getvalue(), title))
    return card(title, parts)
