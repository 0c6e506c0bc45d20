"""Jets under the names of derivatives: nothing is computed before it is asked for, or twice, and names meet numbers."""

from __future__ import annotations

import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet, leaf_jet, made_up_jet, named_jets


def test_a_lazy_jet_computes_what_is_asked_for_once() -> None:
    asked: list[Key] = []

    def derive(key: Key) -> Tensor:
        asked.append(key)
        return torch.full((2,), float(len(key)))

    jet = LazyJet(derive)
    assert not jet
    assert jet["x", "x"].tolist() == [2.0, 2.0]
    assert jet["x", "x"] is jet["x", "x"]
    assert asked == [("x", "x")] == list(jet)


def test_leaves_have_the_values_and_no_graph_to_where_they_come_from() -> None:
    source = torch.tensor([1.0, 2.0], requires_grad=True)
    leaf = leaf_jet({(): 3 * source})[()]
    assert leaf.is_leaf and leaf.requires_grad
    assert leaf.tolist() == [3.0, 6.0]


def test_made_up_numbers_follow_the_seed_and_the_order_of_asking() -> None:
    one, two = made_up_jet(5, seed=3), made_up_jet(5, seed=3, scale=lambda key: 4.0)
    assert torch.equal(one[()], 4 * two[()])
    assert bool((one["x",] >= 0.5).all())
    assert not torch.equal(one[()], one["x",])
    assert bool((made_up_jet(50, seed=0, positive=False)[()] < 0).any())


def test_a_tensor_of_derivatives_is_taken_apart_by_unknown_and_name() -> None:
    jet = torch.arange(12.0).reshape(3, 2, 2)
    found = named_jets(jet, ((), (1,), (0, 1)), ("u", "v"), ("x", "t"))
    assert list(found) == ["u", "v"]
    assert {key: value.tolist() for key, value in found["v"].items()} == {
        (): [1.0, 3.0], ("t",): [5.0, 7.0], ("x", "t"): [9.0, 11.0],
    }  # fmt: skip


def test_a_scope_reads_a_tensor_of_derivatives() -> None:
    jet = torch.arange(12.0).reshape(3, 2, 2)
    columns = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)).columns(torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    scope = Scope.of_jet(jet, ((), (1,), (0, 1)), ("u", "v"), columns, {}, {"x": torch.ones(2)})
    assert scope.fields["u"].value.tolist() == [0.0, 2.0]
    assert scope.fields["v"].d("t", "x").value.tolist() == [9.0, 11.0]
    assert scope.normals["x"].tolist() == [1.0, 1.0]
