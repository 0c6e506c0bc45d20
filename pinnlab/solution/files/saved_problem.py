"""What a file of a solution knows of the problem that was solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pinnlab.declaration.complex_unknowns import declared_types
from pinnlab.declaration.fixing import admitted
from pinnlab.declaration.parameters.kinds import Family, Parameter
from pinnlab.domains import Region


class _NotInFileError(ValueError, AttributeError):
    """Something of the problem that a file does not hold."""


@dataclass(frozen=True)
class SavedProblem:
    """What a file knows of the problem: enough to evaluate and draw; the equations are not in it."""

    domain: Region
    unknowns: tuple[str, ...]
    parameters: dict[str, Parameter]
    name: str
    digests: Mapping[str, str] = field(default_factory=dict)
    complex_unknowns: tuple[str, ...] = ()
    reference: None = None

    @property
    def declared(self) -> dict[str, type]:
        """The unknowns as they were declared: {name: float or complex}."""
        return declared_types(self.unknowns, self.complex_unknowns)

    @property
    def families(self) -> tuple[str, ...]:
        """Names of parameters that are families."""
        return tuple(name for name, value in self.parameters.items() if isinstance(value, Family))

    def at(self, **values: Any) -> SavedProblem:
        """What is known of a member of a family, as ``Problem.at``."""
        return replace(self, parameters={**self.parameters, **admitted(self.parameters, values)})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _NotInFileError(
            f"problem.{name} is not known: this solution comes from a file, which holds no equations, conditions or "
            "references; pass the problem, pl.Solution.load(path, problem=problem)."
        )
