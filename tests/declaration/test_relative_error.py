"""When errors are measured, and when there is no time for it."""

from __future__ import annotations

from typing import Any

import pinnlab as pl
from pinnlab.declaration.relative_error import error_meter
from pinnlab.machine.deadline import Deadline


def test_a_reference_of_unknown_cost_is_not_called_when_time_is_scarce() -> None:
    calls: list[Any] = []

    def reference(x: Any) -> Any:
        calls.append(x)
        return 0 * x

    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx, [pl.Dirichlet(u=0.0)], reference=reference)
    late, early, short = (
        Deadline(0.9, 5.0, lambda: 0.0),
        Deadline(1.1, 5.0, lambda: 0.0),
        Deadline(0.3, 1.0, lambda: 0.0),
    )
    calls.clear()
    assert error_meter(problem.domain, problem, None, late)() == {} and not calls
    for enough in (early, short):
        calls.clear()
        error_meter(problem.domain, problem, None, enough)
        assert calls
