"""What must be continuous where two parts of a solution meet.

A function that solves an equation of order p on both sides of a face solves it across the face too if its normal
derivatives below order p are continuous there: a second-order equation may hold on both sides of a kink.
"""

from __future__ import annotations

from pinnlab.derivatives.fields import Key


def continuous_derivatives(normal: str, order: int, width: float = 1.0) -> list[tuple[Key, float]]:
    """The derivatives of an unknown that must not jump across a face, and the factors that make their jumps comparable.

    Args:
        normal: the coordinate that is constant on the face.
        order: the highest derivative of the unknown by ``normal`` in the equations.
        width: a length; the j-th jump times its j-th power measures how much the unknown itself changes over it.

    Returns:
        ((normal,) * j, width**j) for j = 0, ..., order - 1.
    """
    return [((normal,) * j, width**j) for j in range(order)]
