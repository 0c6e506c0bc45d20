"""Numbers that remember how they were computed."""

from __future__ import annotations

import torch

from pinnlab.typeset import UNREADABLE, Operation, Symbol, Written, written
from pinnlab.typeset.written import count

X, Y = Symbol("x"), Symbol("y")


def pair() -> tuple[Written, Written]:
    return (
        written(torch.tensor([1.0, 2.0], dtype=torch.float64), X),
        written(torch.tensor([3.0, 5.0], dtype=torch.float64), Y),
    )


def test_values_are_those_of_plain_tensors() -> None:
    x, y = pair()
    found = torch.sin(x) * y - 2.0 / y
    plain = torch.sin(torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert torch.equal(
        found.as_subclass(torch.Tensor), plain * torch.tensor([3.0, 5.0]) - 2.0 / torch.tensor([3.0, 5.0]).double()
    )


def test_operations_are_written_down_in_their_order() -> None:
    x, y = pair()
    assert (x + y).node == Operation("add", (X, Y))
    assert (2.0 - x).node == Operation("sub", (2.0, X))
    assert (2.0 / x).node == Operation("div", (2.0, X))
    assert (x**2).node == Operation("pow", (X, 2.0))
    assert (2.0**x).node == Operation("pow", (2.0, X))
    assert (-x).node == Operation("neg", (X,))
    assert torch.where(x < y, x, 0.0).node == Operation("where", (Operation("lt", (X, Y)), X, 0.0))
    assert torch.clamp(x, min=0.0, max=1.0).node == Operation("min", (Operation("max", (X, 0.0)), 1.0))
    assert torch.relu(x).node == Operation("max", (X, 0.0))
    assert torch.add(x, y, alpha=3.0).node == Operation("add", (X, Operation("mul", (3.0, Y))))


def test_zeros_and_ones_that_change_nothing_are_left_out() -> None:
    x, _ = pair()
    assert (x + 0.0).node == X and (0.0 + x).node == X and (1.0 * x).node == X and (x - 0.0).node == X
    assert (x * 0.0).node == 0.0
    assert (0.0 - x).node == Operation("neg", (X,))
    assert torch.zeros_like(x).node == 0.0
    assert (x + torch.zeros(2)).node == X


def test_shape_and_type_are_no_operations() -> None:
    x, _ = pair()
    assert x.clone().to(torch.float32).reshape(2, 1).squeeze(1).node == X
    assert x.new_full((), 3.0).expand_as(x).node == 3.0


def test_what_is_not_of_one_point_cannot_be_written() -> None:
    x, _ = pair()
    assert x.sum().node == UNREADABLE
    assert (torch.sin(x[:, None] * torch.tensor([1.0, 2.0, 3.0]).double()) @ torch.ones(3).double()).node == UNREADABLE
    assert (x * torch.tensor([1.0, 3.0]).double()).node == Operation("mul", (X, UNREADABLE))


def test_complex_numbers_and_names() -> None:
    x, _ = pair()
    real, imag = (
        written(torch.ones(2) * torch.tensor([1.0, 2.0]), Symbol(f"psi_{p}", ("x",))) for p in ("real", "imag")
    )
    psi = torch.complex(real, imag)
    assert psi.node == Symbol("psi", ("x",))
    assert (1j * psi).node == Operation("mul", (Symbol("i"), Symbol("psi", ("x",))))
    two_and_three = Operation("add", (2.0, Operation("mul", (3.0, Symbol("i")))))
    assert set(((2 + 3j) * x).node.arguments) == {two_and_three, X}


def test_size_of_an_expression() -> None:
    x, y = pair()
    assert count((x + 2.0 * y).node) == 5
