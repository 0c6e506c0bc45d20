"""What is asked for at the same points again is not computed again."""

from __future__ import annotations

import torch

from pinnlab.inverse.remembered import Remembered


def test_the_same_points_and_derivatives_are_computed_once():
    asked = []

    @Remembered
    def square(points, indices):
        asked.append((points, indices))
        return [points**2 for _ in indices]

    points, others = torch.tensor([[2.0]]), torch.tensor([[2.0]])
    first = square(points, ((),))
    assert square(points, ((),)) is first and first[0].item() == 4.0 and len(asked) == 1
    assert len(square(points, ((), (0,)))) == 2 and len(asked) == 2, "other derivatives"
    assert square(others, ((),)) is not first and len(asked) == 3, "equal points that are others"


def test_points_that_are_gone_do_not_leave_their_place_to_others():
    def value(points, indices):
        return points.item()

    remembered = Remembered(value)
    assert [remembered(torch.tensor(float(i)), ((),)) for i in range(50)] == [float(i) for i in range(50)]
