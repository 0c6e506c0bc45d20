"""Systems of a time step without the rates that are unknowns of their own.

Letters: N = size of the system, v nodes.

Of an equation of second order in time, the rate is a component of its own, and a step's system holds z u - u' = r at every
node, with one number z. So u' = z u - r is put into the other rows, and what is factorized has half as many unknowns, which
takes a quarter of the time and less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from pinnlab.reference.finite_elements.factorizing import Solve
from pinnlab.reference.finite_elements.multigrid import Prepare
from pinnlab.reference.finite_elements.space import Array


def highest(components: Sequence[tuple[str, int]]) -> list[int]:
    """Numbers of the components with the highest rate of each unknown, whose rows are its equation."""
    return [i for i, (unknown, order) in enumerate(components) if (unknown, order + 1) not in components]


def without_rates(inner: Prepare, components: Sequence[tuple[str, int]], count: int) -> Prepare:
    """The solver of systems that hold z u - u' = r for every rate that is a component.

    Args:
        inner: prepares systems of the components without a rate.
        components: (unknown, order in time), in the order of the state.
        count: v.
    """
    places = {component: i * count for i, component in enumerate(components)}
    tops = np.concatenate([i * count + np.arange(count) for i in highest(components)])
    lowest = [u for u, order in components if order == 0]

    def prepared(matrix: scipy.sparse.csr_array) -> Solve:
        factors = {u: matrix[places[u, 0], places[u, 0]] if (u, 1) in places else 1.0 for u in lowest}
        rows, columns, values = [], [], []
        for unknown, order in components:
            rows.append(places[unknown, order] + np.arange(count))
            columns.append(lowest.index(unknown) * count + np.arange(count))
            values.append(np.full(count, factors[unknown] ** order))
        spread = scipy.sparse.csr_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
            shape=(len(components) * count, len(lowest) * count),
        )
        own = matrix[tops]
        solve = inner(scipy.sparse.csr_array(own @ spread))

        def applied(right: Array) -> Array:
            rest = np.zeros_like(right)
            for unknown, order in components:
                if order:
                    here, before = places[unknown, order], places[unknown, order - 1]
                    earlier = slice(before, before + count)
                    rest[here : here + count] = factors[unknown] * rest[earlier] - right[earlier]
            return spread @ solve(right[tops] - own @ rest) + rest

        return applied

    return prepared
