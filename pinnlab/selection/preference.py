"""What a selector has learned, as numbers and as a picture.

Letters: k values of a parameter; A arms; D interface conditions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray
Names = tuple[str, ...]
_ROWS = 16


@dataclass(frozen=True, eq=False)
class Preference:
    """Expected rewards over one parameter of a family.

    Attributes:
        parameter: its name.
        values: (k,) of the parameter.
        fixed: {parameter: value} of the others.
        conditions: D names of interface conditions.
        interfaces: A sets of them, as names.
        reward: (k, A) expected rewards.
        sd: (k, A) their standard deviations.
        played: (n,) values of the parameter in the trials so far.
    """

    parameter: str
    values: Array
    fixed: dict[str, float]
    conditions: Names
    interfaces: tuple[Names, ...]
    reward: Array
    sd: Array
    played: Array

    @property
    def best(self) -> tuple[Names, ...]:
        """The interface of largest expected reward for each value, k of them."""
        return tuple(self.interfaces[i] for i in self.reward.argmax(1))

    @property
    def effects(self) -> Array:
        """(k, D): mean expected reward of the interfaces with a condition, less that of those without; NaN if all agree."""
        on = np.array([[name in names for name in self.conditions] for names in self.interfaces], dtype=float)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.reward @ (on / on.sum(0)) - self.reward @ ((1 - on) / (1 - on).sum(0))

    def top(self, count: int) -> Array:
        """Numbers of the arms that are best somewhere, then of those best on average, at most ``count``."""
        somewhere = list(dict.fromkeys(self.reward.argmax(1).tolist()))
        average = [i for i in np.argsort(-self.reward.mean(0)).tolist() if i not in somewhere]
        return np.array((somewhere + average)[:count])

    def plot(self, path: str | os.PathLike[str] | None = None, rows: int = _ROWS) -> Figure:
        """Parameter against arm: expected rewards of the best interfaces, and what each condition adds.

        Args:
            path: where to write it as well; the ending says as what.
            rows: interfaces shown.
        """
        from pinnlab.pictures import panels as plotting

        shown = self.top(rows)
        figure = plotting.Picture(13.0, 1.6 + 0.3 * max(len(shown), 8))
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        fixed = "".join(f", {name} = {value:.3g}" for name, value in self.fixed.items())
        figure.suptitle(f"expected reward over {self.parameter}{fixed}")
        edges = _edges(self.values)
        image = left.pcolormesh(edges, np.arange(len(shown) + 1), self.reward[:, shown].T, cmap="viridis")
        where = {int(arm): row for row, arm in enumerate(shown)}
        best = [where.get(int(arm), np.nan) for arm in self.reward.argmax(1)]
        left.plot(self.values, np.array(best, dtype=float) + 0.5, "o", color="white", mec="black", ms=4, label="best")
        left.plot(self.played, np.full(len(self.played), 0.0), "|", color="black", ms=9, clip_on=False)
        left.set_yticks(
            np.arange(len(shown)) + 0.5, [" + ".join(self.interfaces[i]) or "none" for i in shown], fontsize=8
        )
        left.set(xlabel=self.parameter, xlim=(edges[0], edges[-1]), ylim=(len(shown), 0))
        left.legend(frameon=False, fontsize=8.5, loc="upper right", bbox_to_anchor=(1.0, 0.0), borderaxespad=2.2)
        figure.colorbar(image, ax=left, label="expected reward")
        styles = ("-", "--", ":")
        for j, name in enumerate(self.conditions):
            colors = plotting.COLORS
            style = styles[j // len(colors) % len(styles)]
            right.plot(self.values, self.effects[:, j], style, color=colors[j % len(colors)], label=name)
        right.axhline(0, color="0.5", lw=0.8, zorder=0)
        right.grid(alpha=0.25)
        right.set(xlabel=self.parameter, xlim=(edges[0], edges[-1]))
        right.set_title("mean reward with a condition, less without", fontsize=10)
        right.legend(frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        if path is not None:
            plotting.save(figure, path)
        return figure


def _edges(values: Array) -> Array:
    """(k + 1,) ends of the cells around k increasing values."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate([[1.5 * values[0] - 0.5 * values[1]], middle, [1.5 * values[-1] - 0.5 * values[-2]]])
