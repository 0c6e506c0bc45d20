"""What a peer is asked to do: our own training, without our optimizers and derivatives.

Letters: n points, d coordinates, m unknowns, w features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.bench.peers.translation import ExactConditions, Gradient, residuals
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Term
from pinnlab.derivatives.indices import VALUE
from pinnlab.derivatives.taylor import Jet
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points
from pinnlab.networks.mlp import MLP
from pinnlab.solvers.collocation import CollocationSolver
from pinnlab.solvers.pinn import PINN
from pinnlab.training.plans import Settings, Solver
from pinnlab.training.residuals import ResidualSystem

ADAM_STEPS, ADAM_RATE = 1000, 1e-3
"""Of every peer, before its second method: few enough to leave that most of a minute."""
_SHARED = ("network", "points", "boundary_points", "harmonics", "condition_weight")


@dataclass(frozen=True)
class LossTerm:
    """An equation or a soft condition, which has a weight in the loss, with its number of points."""

    term: Term
    n: int


@dataclass(frozen=True)
class Task:
    """A problem with the network that is to be trained on it.

    Attributes:
        problem: with a reference, where there is one.
        network: ours, untrained: its sizes, and its features of the coordinates.
        exact: the conditions that are built in; called with points and the network's outputs it gives the unknowns.
        parts: equations first, then soft conditions.
        seed: of initial weights and points.
        dtype: of everything.
    """

    problem: Problem
    network: MLP
    exact: ExactConditions
    parts: tuple[LossTerm, ...]
    seed: int = 0
    dtype: torch.dtype = torch.float64

    @classmethod
    def of(cls, problem: Problem, solver: Solver | None, seed: int = 0, dtype: torch.dtype = torch.float64) -> Task:
        """The training of one of our solvers on the whole domain, with uniform weights; None takes plain defaults.

        Raises:
            ValueError: coefficients are to be found, the problem is a family, or the network is no MLP.
        """
        if problem.unknown_parameters or problem.unknown_functions:
            raise ValueError(
                f"{problem.name} has unknown coefficients "
                f"({', '.join((*problem.unknown_parameters, *problem.unknown_functions))}); peers are compared on problems "
                "without."
            )
        shared = {name: getattr(solver, name) for name in _SHARED} if isinstance(solver, CollocationSolver) else {}
        settings = Settings(torch.device("cpu"), dtype, seed)
        system = PINN(**shared).plan(problem, settings).start(0, []).system
        model: Any = system.model
        assert isinstance(system, ResidualSystem)
        if not isinstance(model.network, MLP) or model.network.factorized:
            raise ValueError(
                f"peers train plain multilayer perceptrons, but the recipe's network is {model.network!r}; compare with "
                "a recipe that has an MLP."
            )
        if any(block.term.weights is not None for block in system.blocks):
            raise ValueError(f"{problem.name} has an integral; peers are compared on problems without.")
        parts = tuple(LossTerm(block.term, block.n) for block in system.blocks)
        return cls(problem, model.network, ExactConditions(model.ansatz), parts, seed, dtype)

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        return self.problem.parameter_values(torch.zeros((), dtype=self.dtype))

    @property
    def layers(self) -> list[int]:
        """Widths from the features to the unknowns."""
        return [self.network.features, *[self.network.width] * self.network.depth, len(self.problem.unknowns)]

    @property
    def activation(self) -> str:
        """Of the hidden layers."""
        return self.network.activation

    def features(self, points: Tensor) -> Tensor:
        """(n, w) features of (n, d) points: rescaled coordinates, or waves of periodic ones."""
        jet = Jet.of_points(points, VALUE)
        embedding: Any = self.network.embedding
        return jet.data[0] if embedding is None else embedding.propagate(jet).data[0]

    def sites(self, part: LossTerm, rng: np.random.Generator) -> tuple[Site, ...]:
        """New points for an equation or a condition."""
        d = len(self.problem.domain.coordinates)
        return part.term.draw(lambda n: unit_points("sobol", n, d, rng).to(self.dtype), part.n)

    def residuals(
        self, part: LossTerm, sites: tuple[Site, ...], points: Tensor, outputs: Tensor, by: Gradient, start: int = 0
    ) -> Tensor:
        """(n, residuals) of an equation or a condition at its sites' points, columns in the order of the term's names.

        Args:
            part: which.
            sites: from ``sites``.
            points: as the peer has them; the sites' follow one another from row ``start`` on.
            outputs: of the network at all these points.
            by: the peer's gradient with respect to ``points``.
            start: see there.
        """
        problem = self.problem
        found = residuals(
            part.term, problem.domain, sites, problem.unknowns, self._parameters, self.exact, points, outputs,
            by, start,
        )  # fmt: skip
        return torch.stack([found[name] for name in part.term.residuals], dim=1)


def stacked(sites: tuple[Site, ...]) -> Tensor:
    """(n, d) points of all sites, one after the other."""
    return torch.cat([site.points for site in sites])
