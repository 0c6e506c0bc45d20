"""Pieces of HTML."""

from __future__ import annotations

from pinnlab.typeset import card, paragraph, picture, table


def test_text_is_escaped_and_cells_are_not() -> None:
    assert "a &lt; b" in paragraph("a < b") and "&lt;i&gt;" in card("<i>", [])
    found = table([["<b>1</b>", "2"]], ("x<y", ""))
    assert "<b>1</b>" in found and "x&lt;y" in found and found.count("<tr>") == 2


def test_a_verdict_stands_beside_the_title_in_its_colour() -> None:
    assert "wrong" in card("Report:", [], "wrong") and "#cf222e" in card("Report:", [], "wrong")
    assert "#1a7f37" in paragraph("complete", "good")


def test_a_picture_stands_in_the_page() -> None:
    assert 'alt="u &lt; 1" src="data:image/png;base64,AAE="' in picture(b"\x00\x01", "u < 1")
