"""Optimizers that use one gradient per step: Adam, and SOAP, which is Adam in a better basis.

Both redraw the collocation points before a step (the first step keeps the points it was started on), and both decay the
learning rate smoothly, ``learning_rate * decay ** (k / decay_every)`` at step k = 0, 1, ...

Letters: P parameters; a weight matrix is (m, n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnlab.machine.calls import explained_call
from pinnlab.machine.interrupts import load
from pinnlab.optimizers.base import Objective, Optimizer, State, Step, require, require_count, require_schedule


def decayed_rate(learning_rate: float, decay: float, decay_every: int, k: int) -> float:
    """Learning rate at step ``k``: ``learning_rate`` times ``decay`` for every ``decay_every`` steps, smoothly."""
    return learning_rate * decay ** (k / decay_every)


@explained_call()
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, arXiv 1412.6980), or AMSGrad (Reddi et al., arXiv 1904.09237), through ``torch.optim.Adam``.

    **Arguments:** ``steps`` >= 1; ``learning_rate`` > 0; ``decay`` in (0, 1] per ``decay_every`` >= 1 steps;
    ``redraw_every`` >= 1 steps, or ``None`` to keep the points; ``amsgrad``.

    ``Step.loss`` is the loss before the update. Where loss or gradient is not finite, the parameters stay.

    Raises ``ValueError`` for an argument out of its range.
    """

    steps: int = 10_000
    learning_rate: float = 1e-3
    decay: float = 0.9
    decay_every: int = 2000
    redraw_every: int | None = 1
    amsgrad: bool = False

    def __post_init__(self) -> None:
        require_schedule("Adam", self.steps, self.redraw_every)
        _require_rate("Adam", self.learning_rate, self.decay, self.decay_every)

    def init(self, objective: Objective, theta: Tensor) -> State:
        del objective, theta
        return {"iteration": 0, "caution": 1.0, "moments": {}}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        k = state["iteration"]
        value, gradient = _evaluate(objective, theta, k, self.redraw_every)
        if gradient is None:
            return Step(theta, {**state, "iteration": k + 1}, value)

        rate = state["caution"] * decayed_rate(self.learning_rate, self.decay, self.decay_every, k)
        parameter = theta.detach().clone().requires_grad_()
        parameter.grad = gradient
        load("torch._dynamo")  # torch.optim does
        adam = torch.optim.Adam([parameter], lr=rate, amsgrad=self.amsgrad)
        # torch updates these in place, hence the clones: the caller may come back to the old state.
        adam.state[parameter] = {name: moment.clone() for name, moment in state["moments"].items()}
        adam.step()
        moments = dict(adam.state[parameter])
        new = {**state, "iteration": k + 1, "moments": moments}
        return Step(parameter.detach(), new, value, info={"learning_rate": rate})

    def shorten(self, state: State) -> State:
        return {**state, "caution": 0.5 * state["caution"], "moments": {}}


@explained_call()
@dataclass(frozen=True)
class SOAP(Optimizer):
    """Adam in the eigenbasis of Shampoo's Kronecker factors (Vyas et al., arXiv 2409.11321, algorithm 3).

    For each weight matrix with gradient G the factors L = mean of G G^T, (m, m), and R = mean of G^T G, (n, n), are
    tracked; the second moment lives in their eigenbases, and the update is Adam's there. Every ``refresh_every`` steps
    the bases are renewed by one power iteration and a QR factorization (algorithm 4). Vectors, scalars and tensors of
    more than two dimensions get plain Adam, and so do the sides of a matrix longer than ``max_side``.

    **Arguments:** ``steps`` >= 1; ``learning_rate`` > 0; ``decay`` in (0, 1] per ``decay_every`` >= 1 steps;
    ``redraw_every`` >= 1 steps, or ``None`` to keep the points; ``beta1``, ``beta2`` in [0, 1), the memory of first and
    second moment, the latter also of the factors; ``epsilon`` > 0; ``refresh_every`` >= 1; ``max_side`` >= 1.

    The paper throws the first update away because there are no bases yet; here ``init`` makes them, at the same cost of
    one gradient. ``Step.loss`` is the loss before the update. Where loss or gradient is not finite, the parameters
    stay.

    Raises ``ValueError`` for an argument out of its range, and from ``init`` if ``objective.shapes`` does not add up to
    the size of ``theta``. Where a factor is singular, rounding chooses its eigenvectors, and with them the steps.
    """

    amplifies_rounding: ClassVar[bool] = True
    steps: int = 10_000
    learning_rate: float = 3e-3
    decay: float = 0.9
    decay_every: int = 2000
    redraw_every: int | None = 1
    beta1: float = 0.95
    beta2: float = 0.95
    epsilon: float = 1e-8
    refresh_every: int = 10
    max_side: int = 1024

    def __post_init__(self) -> None:
        require_schedule("SOAP", self.steps, self.redraw_every)
        _require_rate("SOAP", self.learning_rate, self.decay, self.decay_every)
        for name in ("beta1", "beta2"):
            beta = getattr(self, name)
            require(0 <= beta < 1, "SOAP", name, beta, "it is the weight of the past in a mean", "choose one in [0, 1)")
        positive = self.epsilon > 0 and math.isfinite(self.epsilon)
        require(positive, "SOAP", "epsilon", self.epsilon, "it keeps a division finite", "try 1e-8")
        why = "the bases are renewed after a whole number of steps"
        require_count("SOAP", "refresh_every", self.refresh_every, why, "give an integer of at least 1, such as 10")
        why = "it is the longest side of a matrix that is rotated"
        require_count("SOAP", "max_side", self.max_side, why, "give an integer of at least 1, such as 1024")

    def init(self, objective: Objective, theta: Tensor) -> State:
        shapes = [list(shape) for shape in objective.shapes]
        total = sum(math.prod(shape) for shape in shapes)
        if total != theta.numel():
            raise ValueError(
                f"SOAP: objective.shapes={objective.shapes!r} holds {total} numbers but theta has {theta.numel()}: "
                "each entry of theta must belong to one parameter; list the shapes in the order of the flat vector."
            )
        state: State = {"iteration": 0, "caution": 1.0, "shapes": shapes}
        _, gradient = _evaluate(objective, theta, 0, None)
        if gradient is None:
            gradient = torch.zeros_like(theta)
        factors = [self._moments(block) for block in _split(gradient, shapes)]
        bases = [[torch.linalg.eigh(factor).eigenvectors.flip(-1) for factor in pair] for pair in factors]
        # The first factors weigh what one gradient weighs in the running mean: bases depend on direction alone.
        state["factors"] = [[(1 - self.beta2) * factor for factor in pair] for pair in factors]
        return {**state, "bases": bases, **_no_moments(shapes, theta)}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        k = state["iteration"]
        value, gradient = _evaluate(objective, theta, k, self.redraw_every)
        if gradient is None:
            return Step(theta, {**state, "iteration": k + 1}, value)

        rate = state["caution"] * decayed_rate(self.learning_rate, self.decay, self.decay_every, k)
        updates = state["updates"] + 1
        new: State = {**state, "iteration": k + 1, "updates": updates}
        new.update(factors=[], bases=[], first=[], second=[])
        directions: list[Tensor] = []
        for i, block in enumerate(_split(gradient, state["shapes"])):
            bases = state["bases"][i]
            first = torch.lerp(block, state["first"][i], self.beta1)
            second = torch.lerp(_rotate(block, bases).square(), state["second"][i], self.beta2)
            root = (second / (1 - self.beta2**updates)).sqrt() + self.epsilon
            scaled = _rotate(first / (1 - self.beta1**updates), bases) / root
            directions.append(_rotate_back(scaled, bases).reshape(-1))

            factors = [
                torch.lerp(now, past, self.beta2)
                for now, past in zip(self._moments(block), state["factors"][i], strict=True)
            ]
            if (k + 1) % self.refresh_every == 0:
                bases, second = _refresh(factors, bases, second)
            for name, entry in (("factors", factors), ("bases", bases), ("first", first), ("second", second)):
                new[name].append(entry)
        return Step(theta.detach() - rate * torch.cat(directions), new, value, info={"learning_rate": rate})

    def shorten(self, state: State) -> State:
        first = [torch.zeros_like(block) for block in state["first"]]
        second = [torch.zeros_like(block) for block in state["second"]]
        return {**state, "caution": 0.5 * state["caution"], "updates": 0, "first": first, "second": second}

    def _moments(self, block: Tensor) -> list[Tensor]:
        """[G G^T, G^T G] of a matrix; (0, 0) for a side that is not rotated, and [] for anything but a matrix."""
        if block.dim() != 2:
            return []
        rotated = [1 < side <= self.max_side for side in block.shape]
        empty = block.new_zeros(0, 0)
        return [block @ block.T if rotated[0] else empty, block.T @ block if rotated[1] else empty]


def refresh_basis(factor: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """One power iteration towards the eigenvectors of ``factor``, (m, m), from an orthogonal ``basis``, (m, m).

    Returns the new orthogonal basis, (m, m), and the order, (m,), in which it took the old columns: by falling
    eigenvalue, because QR keeps the span of leading columns (Vyas et al., arXiv 2409.11321, algorithm 4).
    """
    image = factor @ basis
    order = torch.argsort((basis * image).sum(0), descending=True, stable=True)
    return torch.linalg.qr(image[:, order]).Q, order


def _refresh(factors: list[Tensor], bases: list[Tensor], second: Tensor) -> tuple[list[Tensor], Tensor]:
    new = list(bases)
    for side, (factor, basis) in enumerate(zip(factors, bases, strict=True)):
        if basis.numel():
            new[side], order = refresh_basis(factor, basis)
            # The second moment of a direction must follow it to its new column.
            second = second.index_select(side, order)
    return new, second


def _rotate(block: Tensor, bases: list[Tensor]) -> Tensor:
    """Q_L^T G Q_R, leaving out what is not rotated."""
    if bases and bases[0].numel():
        block = bases[0].T @ block
    if bases and bases[1].numel():
        block = block @ bases[1]
    return block


def _rotate_back(block: Tensor, bases: list[Tensor]) -> Tensor:
    return _rotate(block, [basis.T for basis in bases])


def _split(vector: Tensor, shapes: list[list[int]]) -> list[Tensor]:
    pieces = vector.split([math.prod(shape) for shape in shapes])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _no_moments(shapes: list[list[int]], like: Tensor) -> dict[str, Any]:
    zeros = [like.new_zeros(shape) for shape in shapes]
    return {"updates": 0, "first": zeros, "second": [block.clone() for block in zeros]}


def _evaluate(objective: Objective, theta: Tensor, k: int, redraw_every: int | None) -> tuple[float, Tensor | None]:
    """Loss and gradient (P,) on the points of step ``k``; no gradient if either is not finite.

    A finite loss with a non-finite gradient is reported as NaN, since no step can be made from it.
    """
    if redraw_every is not None and k > 0 and k % redraw_every == 0:
        objective.redraw()
    loss, gradient = objective.loss_and_gradient(theta)
    value, gradient = float(loss), gradient.detach()
    if not math.isfinite(value):
        return value, None
    return (value, gradient) if bool(gradient.isfinite().all()) else (math.nan, None)


def _require_rate(owner: str, learning_rate: float, decay: float, decay_every: int) -> None:
    positive = learning_rate > 0 and math.isfinite(learning_rate)
    require(positive, owner, "learning_rate", learning_rate, "steps go downhill by a finite length", "try 1e-3")
    why = "the learning rate is multiplied by it and must neither vanish nor grow"
    require(0 < decay <= 1, owner, "decay", decay, why, "choose one in (0, 1], where 1 keeps the rate")
    why = "the rate decays over a whole number of steps"
    require_count(owner, "decay_every", decay_every, why, "give an integer of at least 1")
