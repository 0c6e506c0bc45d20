"""Names in regions that are made of others: of boundary pieces, and of time."""

from __future__ import annotations

import zlib
from collections.abc import Container, Iterable, Sequence

Named = dict[str, tuple[str, ...]]
"""{name that ``on=`` may be: boundary pieces it means}."""

Owners = dict[str, tuple[int, str]]
"""{piece: (number of the region it comes from, its name there)}."""


TIME = "t"
"""The coordinate that is time where nobody says otherwise."""


def usual_time(coordinates: Container[str]) -> str | None:
    """The coordinate of a box that is time where nobody says otherwise: ``t``, or else one that is called ``time``."""
    return TIME if TIME in coordinates else "time" if "time" in coordinates else None


def only_time(names: Iterable[str | None], product: object) -> str | None:
    """What time is called in a product of regions, given their names of it; ValueError where two have one."""
    found = [name for name in names if name is not None]
    if len(found) > 1:
        raise ValueError(
            f"{product}: {' and '.join(map(repr, found))} would both be time; a problem has one: give the others "
            f"time=None, such as Box({found[0]}=(0.0, 1.0), time=None)."
        )
    return found[0] if found else None


def numbered(parts: Sequence[tuple[Sequence[str], Named]]) -> tuple[Named, Owners]:
    """Names of the boundaries of several regions together.

    A piece's name that several regions use means all of them; one by one they are called ``"name#1"``, ``"name#2"``.

    Args:
        parts: per region, its pieces that count, and what its names mean.
    """
    uses = [piece for pieces, _ in parts for piece in pieces]
    seen: dict[str, int] = {}
    named: Named = {}
    owners: Owners = {}
    for i, (pieces, groups) in enumerate(parts):
        own = {}
        for piece in pieces:
            seen[piece] = seen.get(piece, 0) + 1
            own[piece] = piece if uses.count(piece) == 1 else f"{piece}#{seen[piece]}"
            owners[own[piece]] = (i, piece)
        for name, group in groups.items():
            kept = tuple(own[piece] for piece in group if piece in own)
            if kept:
                named[name] = (*named.get(name, ()), *kept)
    return {**named, **{piece: (piece,) for piece in owners if piece not in named}}, owners


def shortened(whole: str, parts: Sequence[object], shown: int = 6) -> str:
    """The text of a region made of many: in full for a few parts, else two, how many more, and a digest of the text.

    The digest is for those who recognize a region by its text.
    """
    if len(parts) <= shown:
        return whole
    return f"({parts[0]!r}, {parts[1]!r} and {len(parts) - 2} more, {zlib.crc32(whole.encode()):08x})"
