"""What a run starts from: a solution that was found before, perhaps of another problem.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pinnlab.declaration.parameters.kinds import Family
from pinnlab.declaration.problem import Problem
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.networks.files import network_data
from pinnlab.training.model import Trainable
from pinnlab.training.part import Part
from pinnlab.training.result import Solved


@dataclass(frozen=True, eq=False)
class Start:
    """A finished solution as the start of another run.

    Attributes:
        parts: of the solution, in time order.
        values: (n, d) points to (n, m) values; beyond the solution's domain those at its nearest end.
        joints: {coordinate: positions where pieces of it meet}.
        coefficients: {name: value} that were found, or given where they are unknown now.
        digest: by which a checkpoint knows it again.
        alike: whether its networks were trained in these variables.
    """

    parts: Sequence[Part]
    values: Callable[[Tensor], Tensor]
    joints: Mapping[str, Sequence[float]]
    coefficients: Mapping[str, float]
    digest: str
    alike: bool

    @classmethod
    def of(cls, solution: Solved, problem: Problem) -> Start:
        """A solution as the start for a problem.

        Raises:
            ValueError: it has other unknowns or coordinates, or is of a family where the problem is none.
        """
        for name in ("unknowns", "coordinates"):
            mine, its = (
                p.unknowns if name == "unknowns" else p.domain.coordinates for p in (problem, solution.problem)
            )
            if tuple(mine) != tuple(its):
                raise ValueError(
                    f"solve(start=...): the start has the {name} {', '.join(its)}, and the problem {', '.join(mine)}; give "
                    f"a solution with the same {name}, in the same order."
                )
        families = [name for name, value in solution.problem.parameters.items() if isinstance(value, Family)]
        if families and not problem.families:
            raise ValueError(
                f"solve(start=...): the start is the solution of a family over {', '.join(families)}; give a member, "
                f"start=solution.at({families[0]}=...)."
            )
        joints: dict[str, list[float]] = {}
        for part in solution.models:
            for name, positions in part.joints.items():
                joints[name] = sorted({*joints.get(name, ()), *positions})
        numbers = {n: float(v) for n, v in solution.problem.parameters.items() if isinstance(v, int | float)}
        coefficients = {**numbers, **solution.coefficients}
        tensors = [tensor.detach() for part in solution.models for tensor in part.parameters]
        digest = fingerprint(tensors, [repr(part.region) for part in solution.models], coefficients)
        alike = all(part.solved is part for part in solution.models)
        return cls(solution.models, _clamped(solution), joints, coefficients, digest, alike)

    def near(self, part: Part) -> Part:
        """The part of the start in whose time the middle of another part lies."""
        region = part.region
        middles = [sum(region.bounds[name]) / 2 for name in region.coordinates if name not in region.space]
        for mine in self.parts:
            spans = [mine.region.bounds[name] for name in region.coordinates if name not in region.space]
            if all(start <= middle <= end for middle, (start, end) in zip(middles, spans, strict=True)):
                return mine
        return self.parts[-1]

    def hand_over(self, model: Trainable) -> None:
        """Unknown coefficients start from those of the same names."""
        for name in model.numbers.keys() & self.coefficients.keys():
            model.set_coefficient(name, self.coefficients[name])


def _clamped(solution: Solved) -> Callable[[Tensor], Tensor]:
    like = solution.models[0].parameters[0].detach()
    lower, upper = (like.new_tensor(side) for side in zip(*solution.problem.domain.bounds.values(), strict=True))

    def values(points: Tensor) -> Tensor:
        at = points.detach().to(like)
        return solution.function(torch.minimum(torch.maximum(at, lower), upper)).to(points)

    return values


def kin(mine: Sequence[nn.Module], others: Sequence[nn.Module]) -> bool:
    """Whether networks have the same architecture, so that the parameters of the one suit the other."""
    return bool(mine) and [_architecture(n) for n in mine] == [_architecture(n) for n in others]


def same_frame(mine: Sequence[nn.Module], others: Sequence[nn.Module]) -> bool:
    """Whether networks of the same architecture also see their inputs alike: in the same scales and waves."""
    pairs = zip(mine, others, strict=True)
    buffers = [(dict(a.named_buffers()), dict(b.named_buffers())) for a, b in pairs]
    return all(torch.equal(x, b[name].to(x)) for a, b in buffers for name, x in a.items())


def take_over(mine: Sequence[nn.Module], others: Sequence[nn.Module]) -> None:
    """Give networks the parameters of others of the same architecture."""
    with torch.no_grad():
        for a, b in zip(mine, others, strict=True):
            for p, q in zip(a.parameters(), b.parameters(), strict=True):
                p.copy_(q)


def _architecture(network: nn.Module) -> object:
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    return type(network), repr(network), network_data(network), shapes
