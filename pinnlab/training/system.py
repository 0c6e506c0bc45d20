"""What the loop trains: a loss of one flat parameter vector, whose points and weights may change as training goes on.

Letters: p parameters, N residuals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NoReturn

from torch import Tensor

from pinnlab.algebra.blocks import BlockJacobian
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.processes import Processes
from pinnlab.training.model import Trainable


class TrainingSystem(ABC):
    """An optimizer's ``Objective``, and what the loop asks besides.

    What is not abstract suits a system whose weights and places of points are fixed, and whose loss is no sum of squares.

    Attributes:
        model: whose parameters are trained.
        size: p.
        shapes: of the parameters, in the order of the flat vector.
        processes: those that share the work.
        deadline: the loss and the residuals raise TimeIsUpError after it.
    """

    model: Trainable
    size: int
    shapes: list[tuple[int, ...]]
    processes: Processes
    deadline = Deadline()

    @property
    def jacobian_entries(self) -> int:
        """Numbers that J has; 0 where there is none."""
        return 0

    @property
    def normal_equations(self) -> float:
        """Multiplications that one J^T J takes, about; 0 where there is no J."""
        return 0.0

    @abstractmethod
    def redraw(self) -> None:
        """Take new collocation points; the loss changes as a function of the parameters."""

    @abstractmethod
    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The loss (0-dim) and its gradient (p,), of all processes' points."""

    def residuals(self, theta: Tensor) -> Tensor:
        """(N,): this process' residuals times the roots of their weights; the loss is their sum of squares.

        Raises:
            TypeError: the loss is no sum of squares.
        """
        self._refuse_least_squares()

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor | BlockJacobian]:
        """``residuals`` and their derivatives by the parameters, (N, p); in blocks where parameters form groups.

        Raises:
            TypeError: the loss is no sum of squares.
        """
        self._refuse_least_squares()

    def _refuse_least_squares(self) -> NoReturn:
        raise TypeError(
            "this loss is no sum of squares, which least-squares optimizers need; train with first-order or quasi-Newton "
            "stages, such as stages=(pl.Adam(),)."
        )

    @abstractmethod
    def held_out_loss(self, theta: Tensor) -> float:
        """The loss on points that training never sees."""

    @abstractmethod
    def share(self, processes: Processes, by: str = "auto") -> None:
        """Let several processes work on this system.

        Args:
            processes: which.
            by: see ``sharing.SHARED``.

        Raises:
            ValueError: there is not enough work for all of them.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything a checkpoint needs to continue with the same numbers."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""

    def enter(self, stage: int) -> bool:
        """Go over to the loss of a stage of training; whether that is another loss than before.

        Args:
            stage: counted from 0.
        """
        return False

    # most systems have nothing to do here
    def update_weights(self, theta: Tensor, spent: float = 0.0) -> None:  # noqa: B027
        """Choose the weights of the next step; they then stand until the next call.

        Args:
            theta: (p,).
            spent: which share of the training's steps or time is over, 0 to 1.
        """

    def adapt(self, theta: Tensor) -> None:  # noqa: B027
        """Choose where points are drawn from now on."""

    @property
    def reweights(self) -> bool:
        """Whether the last update could change weights."""
        return False

    def hurry(self) -> bool:
        """Let residuals that wait for others wait no longer, since the optimizer is stuck; False where none waits."""
        return False

    @property
    def finished(self) -> bool:
        """Whether the weighting's own tolerance is met, so that an optimizer that is stuck has converged."""
        return False

    @property
    def unmet(self) -> bool:
        """Whether the weighting has some residuals as good as switched off."""
        return False

    @property
    def info(self) -> dict[str, float]:
        """Numbers of the weighting, for the history."""
        return {}
