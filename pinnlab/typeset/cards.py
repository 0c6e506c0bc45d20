"""Cards: small pieces of HTML that notebooks show for problems, solutions and reports.

They carry their own few styles and no script, and take the colours of the page that they stand on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_FRAME = (
    "border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:.6em .9em;margin:.3em 0;max-width:60em;"
    "display:inline-block;text-align:left;line-height:1.45"
)
_CELL = "padding:.1em .8em .1em 0;text-align:left;border:none;vertical-align:baseline"
COLOURS = {"good": "#1a7f37", "doubtful": "#9a6700", "wrong": "#cf222e", "": "inherit"}
"""Of words that judge."""


def card(title: str, parts: Iterable[str], badge: str = "") -> str:
    """A frame with a title.

    Args:
        title: plain text.
        parts: of HTML, one under the other.
        badge: a verdict that stands beside the title, in its colour.
    """
    mark = f' <span style="color:{COLOURS.get(badge, "inherit")}">{escape(badge)}</span>' if badge else ""
    return f'<div style="{_FRAME}"><div><b>{escape(title)}</b>{mark}</div>{"".join(parts)}</div>'


def paragraph(text: str, judged: str = "") -> str:
    """Plain text as a paragraph, in the colour of a verdict."""
    return f'<div style="margin:.25em 0;color:{COLOURS.get(judged, "inherit")}">{escape(text)}</div>'


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Rows of cells, which are HTML; the cells of ``head`` are plain text."""
    lines = [f"<th style='{_CELL}'>{escape(name)}</th>" for name in head]
    top = f"<tr>{''.join(lines)}</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td style='{_CELL}'>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table style="border-collapse:collapse;margin:.3em 0">{top}{body}</table>'


def picture(png: bytes, about: str) -> str:
    """A picture that stands in the page itself; ``about`` says in words what it shows."""
    data = base64.b64encode(png).decode()
    return f'<img style="max-width:100%" alt="{escape(about)}" src="data:image/png;base64,{data}"/>'
