"""How long the sides of a domain are, and in which lengths coordinates count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinnlab.declaration.natural_units.balance import rounded
from pinnlab.domains import Region
from pinnlab.domains.mapping import rigid

NATURAL = 64.0
"""Factor from one within which a scale is natural. Networks see lengths scaled to [-1, 1], whatever they are."""
OFFSET = 10.0
"""Times the variation, from which on an offset is worth taking out."""


def lengths(region: Region) -> dict[str, float]:
    """{coordinate: extent of the region}."""
    return {name: upper - lower for name, (lower, upper) in region.bounds.items()}


def even_lengths(region: Region, factor: float) -> dict[str, float]:
    """{coordinate: extent of the region}; sides in space that differ from the longest by less than a factor are as long."""
    found = lengths(region)
    longest = max((found[name] for name in region.space), default=0.0)
    return found | {name: longest for name in region.space if factor * found[name] > longest}


def coordinate_scales(
    region: Region, given: Mapping[str, tuple[float | None, float]]
) -> dict[str, tuple[float, float]]:
    """{coordinate: (offset, scale)}: lengths of the domain, rounded, from near zero; shapes keep their proportions.

    Sides of a box that are of similar length have one scale as well: a derivative across a thin side is not large for that.

    Args:
        region: the domain.
        given: {coordinate: (offset or None, scale)} by the user.
    """
    found = {}
    for group in _alike(region, [group for group in rigid(region) if not set(group) & set(given)]):
        longest = max(region.bounds[name][1] - region.bounds[name][0] for name in group)
        fixed = [given[name][1] for name in group if name in given]
        own = rounded(longest)
        for name in group:
            lower, upper = region.bounds[name]
            away = max(lower, -upper) > OFFSET * (upper - lower)
            offset = given[name][0] if name in given else None
            if offset is None:
                offset = lower if away else 0.0
            found[name] = (offset, fixed[0] if fixed else own)
    return {name: found[name] for name in region.coordinates}


def _alike(region: Region, groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Groups of coordinates that get one scale: those of space whose lengths differ by less than ``NATURAL``."""
    sizes = lengths(region)
    longest = max((sizes[name] for name in region.space), default=1.0)
    apart = [group for group in rigid(region) if group not in groups]
    close = [
        group for group in groups if all(name in region.space and NATURAL * sizes[name] > longest for name in group)
    ]
    others = [group for group in groups if group not in close]
    together = tuple(name for group in close for name in group)
    return [*apart, *others, *([together] if together else [])]
