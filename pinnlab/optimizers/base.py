"""What an optimizer is, and what it sees of the problem.

An ``Optimizer`` is frozen configuration. What changes from step to step is a ``State``, a plain value that ``init``
makes, ``step`` maps to the next one and nobody edits in place. The training loop owns both: it may keep an old pair
``(theta, state)`` for a rollback, or write one to a checkpoint and go on from it later with the same numbers.

An ``Objective`` is the discretised problem as a function of one flat parameter vector. The loss is the squared norm of
the residuals, so first-order, quasi-Newton and least-squares optimizers all run on the same object and each calls only
the method it needs.

Letters: P parameters, N residuals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from torch import Tensor

from pinnlab.algebra.blocks import BlockJacobian
from pinnlab.machine.processes import ALONE, Processes

State = dict[str, Any]
"""Tensors, numbers, strings, and lists and dicts of them only: it is written with ``torch.save`` and read back with
``weights_only=True``."""


class Objective(Protocol):
    """The loss ``||residuals(theta)||^2`` on the current collocation points; weights are already in the residuals.

    Between two calls of ``redraw`` the loss is one fixed function: optimizers carry losses and gradients over from step
    to step. ``size`` is P; ``shapes`` are the shapes of the parameters in the order of the flat vector.

    Several processes may share the residuals. Loss and gradient are then those of all; residuals and their Jacobian are
    the rows of this process, and whoever sums over rows completes the sum with ``processes_of(objective).sum``.
    """

    size: int
    shapes: list[tuple[int, ...]]

    def redraw(self) -> None:
        """Draw new collocation points; the loss changes as a function of the parameters."""
        ...

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, shape (), and its gradient, shape (P,), at ``theta``, shape (P,)."""
        ...

    def residuals(self, theta: Tensor) -> Tensor:
        """Weighted residuals, shape (N,), at ``theta``, shape (P,)."""
        ...

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor | BlockJacobian]:
        """Weighted residuals, shape (N,), and their Jacobian, shape (N, P), at ``theta``, shape (P,).

        The Jacobian of networks that share few residuals comes in blocks.
        """
        ...


def processes_of(objective: Objective) -> Processes:
    """The processes that share an objective's residuals; an objective that names none has them all in this one."""
    return getattr(objective, "processes", ALONE)


@dataclass(frozen=True)
class Step:
    """What one step of an optimizer gives back.

    ``theta``, shape (P,), and ``state`` are new values; those passed in are left as they were. ``loss`` is the loss at
    ``theta``, or the last value the optimizer knows on the current points: first-order optimizers report the loss
    *before* their update, so a finite loss vouches for the parameters that went into the step, not for those that came
    out. It may be non-finite; detecting divergence is the training loop's work. ``stalled`` says that the optimizer
    can make no further progress on its own. ``info`` holds numbers for the history, e.g. ``{"step_size": 0.3}``.
    """

    theta: Tensor
    state: State
    loss: float
    stalled: bool = False
    info: dict[str, float] = field(default_factory=dict)


class Optimizer(ABC):
    """One stage of training: at most ``steps`` steps. Implementations are frozen dataclasses."""

    steps: int
    check_every: ClassVar[int] = 100
    """Steps between two looks at the held-out loss and the error."""
    amplifies_rounding: ClassVar[bool] = False
    """Whether sums in another order, as processes form them, lead to other steps and not only to other last digits."""

    forms_normal_equations: ClassVar[bool] = False
    """Whether a step forms J^T J of the whole Jacobian, which for many parameters takes most of its time."""

    @abstractmethod
    def init(self, objective: Objective, theta: Tensor) -> State:
        """The state before the first step from ``theta``, shape (P,)."""

    @abstractmethod
    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        """One step from ``theta``, shape (P,): deterministic, and without changing ``theta`` or ``state``."""

    @abstractmethod
    def shorten(self, state: State) -> State:
        """The same state with a more cautious step and no memory of past gradients, for use after a rollback."""

    def reweighted(self, state: State) -> State:
        """The same state once the weights in the loss have changed: without stored losses and gradients."""
        return state


def require(valid: bool, owner: str, argument: str, value: object, why: str, fix: str) -> None:
    """Raise ``ValueError`` unless ``valid``, naming the argument, what came, why it cannot work and what would."""
    if not valid:
        raise ValueError(f"{owner}: {argument}={value!r} cannot work: {why}; {fix}.")


def require_count(owner: str, argument: str, value: object, why: str, fix: str) -> None:
    """Raise ``ValueError`` unless ``value`` is a whole number of at least one."""
    require(isinstance(value, int) and not isinstance(value, bool) and value >= 1, owner, argument, value, why, fix)


def require_schedule(owner: str, steps: object, redraw_every: object) -> None:
    """Check the two arguments that every optimizer has: ``steps`` >= 1, and ``redraw_every`` >= 1 or ``None``."""
    require_count(owner, "steps", steps, "a stage needs a whole number of steps", "give an integer of at least 1")
    if redraw_every is not None:
        require_count(
            owner,
            "redraw_every",
            redraw_every,
            "points are redrawn after a whole number of steps",
            "give an integer of at least 1, or None to keep the points",
        )
