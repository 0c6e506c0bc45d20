"""A declaration that is being written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class Mine(Exception):
    """What the functions of a declaration raise on purpose."""


def raises(*_: Any) -> Any:
    """Raise ``Mine``."""
    raise Mine("a function of the user's own")


@dataclass
class Draft:
    """A declaration as text, and what was planted in it.

    Attributes:
        random: where choices come from.
        planted: what makes it impossible, in words; every one is to be refused.
    """

    random: random.Random
    planted: list[str] = field(default_factory=list)

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.random.random() < share

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        return self.random.choice(choices)

    def bad(self, choices: Sequence[str]) -> str:
        """One of the choices, each of which is impossible; it is planted."""
        text = self.random.choice(choices)
        self.planted.append(text)
        return text
