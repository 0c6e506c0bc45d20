"""What all conditions share.

Every condition takes ``exact``: True builds it into the field so that it holds for any network, False adds its misfit to
the loss, and None, the default, builds it in where the region allows that and keeps it in the loss otherwise.
Values are numbers or functions whose arguments are bound by name to coordinates and parameters.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from torch import Tensor

from pinnlab.declaration.terms import Context, Term
from pinnlab.declaration.variables import ChangeOfVariables
from pinnlab.derivatives.known import KnownFunction
from pinnlab.machine.numbers import positive

Value = float | KnownFunction | Callable[..., Tensor | float]
"""What a condition prescribes: a number, or a function of coordinates and parameters, bound by name."""


class Condition(ABC):
    """What must hold besides the equations.

    Args:
        exact: build it in (True), never (False), or where possible (None).
        weight: multiplies its mean square in the loss when it is soft.
        values: one entry per unknown.

    Attributes:
        can_be_exact: whether ``exact=True`` is possible.
        on: the part of the boundary, or the coordinate, that it is about; None where it needs none.
    """

    can_be_exact = False
    on: str | None = None

    def __init__(self, exact: bool | None, weight: float, values: Mapping[str, Any]):
        if exact is not None and not isinstance(exact, bool | np.bool_):
            raise TypeError(f"{self.name}(exact={exact!r}): use True, False or None (where possible).")
        if not positive(weight):
            raise ValueError(f"{self.name}(weight={weight!r}): must be a positive number.")
        if exact and not self.can_be_exact:
            raise ValueError(
                f"{self.name}(exact=True): this condition cannot be built into the field; leave exact out and it "
                "enters the loss with its weight."
            )
        self.exact, self.weight, self.values = exact, float(weight), dict(values)

    @property
    def name(self) -> str:
        """The class name, as typed by the user."""
        return type(self).__name__

    def __repr__(self) -> str:
        parts = [f"{k}={_show(v)}" for k, v in self.values.items()]
        if self.on is not None:
            parts.append(f"on={self.on!r}")
        if self.exact is not None:
            parts.append(f"exact={self.exact}")
        return f"{self.name}({', '.join(parts)})"

    def in_variables(
        self, change: ChangeOfVariables, context: Context, size: Callable[[Any], float]
    ) -> list[Condition] | None:
        """The same condition on inner variables, its misfit counted in their units; None where it does not know how.

        Args:
            change: of variables.
            context: of the problem in outer variables.
            size: the largest modulus of a number or function of coordinates on the boundary.
        """
        return None

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """The same condition with other values."""
        changed = copy.copy(self)
        changed.values = dict(values)
        return changed

    @abstractmethod
    def terms(self, context: Context) -> list[Term]:
        """The soft form of this condition."""


def _show(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__) if callable(value) else repr(value)
