"""What must be continuous across a face, by hand."""

from pinnlab.solvers.continuity import continuous_derivatives


def test_derivatives_below_the_order_with_powers_of_the_width() -> None:
    assert continuous_derivatives("x", 3, 0.5) == [((), 1.0), (("x",), 0.5), (("x", "x"), 0.25)]
    assert continuous_derivatives("x", 1, 0.5) == [((), 1.0)]
    assert continuous_derivatives("x", 0) == []
