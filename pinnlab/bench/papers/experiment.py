"""What an experiment of a paper is: a table, each row of which is a training that can be made again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SIZES = ("small", "paper")
"""``"paper"``: the authors' network, points, steps and schedule, for a GPU; ``"small"``: less of each, for two cores."""
OURS = "ours"
"""The name of the row that a call of ``pl.solve`` without a solver makes."""


@dataclass(frozen=True)
class Setting:
    """Under which a row is made.

    Attributes:
        size: one of ``SIZES``.
        seconds: training time at most; infinite where the steps say when to end.
        seed: of networks and points.
        device: such as ``"cpu"``.
        checkpoint: file from which a training that was stopped goes on; None for none.
        progress: whether bars are shown.
    """

    size: str = "small"
    seconds: float = 60.0
    seed: int = 0
    device: str = "cpu"
    checkpoint: str | None = None
    progress: bool = False


@dataclass(frozen=True)
class Measured:
    """What came out of a row.

    Attributes:
        error: relative L2, or what the experiment's metric is; NaN where nothing came out.
        seconds: of training.
        status: how it ended.
        details: further numbers, by name.
        arrays: lists of numbers, or of lists, by name, from which the experiment's picture is drawn.
    """

    error: float
    seconds: float
    status: str
    details: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """One row.

    Attributes:
        name: of the row, unique in its table.
        make: what makes it.
        published: the error that the authors report; NaN where they report none.
        seconds: training time of the row at each of ``SIZES``: a limit of one training, an estimate for a row of many.
        case: what the row has in common with those with which it is compared, such as ``"c = 2"``.
    """

    name: str
    make: Callable[[Setting], Measured]
    published: float = math.nan
    seconds: Mapping[str, float] = field(default_factory=lambda: {"small": 60.0, "paper": 3600.0})
    case: str = ""


@dataclass(frozen=True)
class Experiment:
    """One table or figure of a paper.

    Attributes:
        paper: short name of the paper, such as ``"causal"``.
        name: of the experiment.
        title: in words.
        source: the paper, and where in it.
        metric: what the numbers are.
        variants: the rows.
        remark: in what the small size differs, and what is known about the published numbers.
        picture: draws the experiment and its table, as in ``pictures``; None for the errors as bars.
    """

    paper: str
    name: str
    title: str
    source: str
    metric: str
    variants: tuple[Variant, ...]
    remark: str = ""
    picture: Callable[[Experiment, Any], Any] | None = None

    def seconds(self, size: str) -> float:
        """Of training, of all rows at a size."""
        return sum(variant.seconds[size] for variant in self.variants)
