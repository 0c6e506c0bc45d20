"""Saved solutions: plain data from which a finished solution is put together again, without running anything's code.

Letters: n points, d coordinates, m unknowns, K coefficients per direction.

A problem is made of Python functions, which a file cannot hold safely. So a file holds what evaluation needs: the
networks' sizes and numbers, the structure of the exact conditions, and their data as Chebyshev series.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from pinnlab.declaration.ansatz import Ansatz, Constraint, FaceValue, FunctionValue
from pinnlab.declaration.clashes.singular import Remainder, SingularPart
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.chebyshev import Series
from pinnlab.derivatives.fourier import FourierSeries
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Box, Region, from_data
from pinnlab.machine import files
from pinnlab.networks.files import built_network
from pinnlab.solution.files import known_files as plain
from pinnlab.solution.files.recognition import compared, digests
from pinnlab.solution.files.saved_parameters import parameter_data, parameter_from
from pinnlab.solution.files.saved_problem import SavedProblem
from pinnlab.solvers.cut_cells.piece import CutPiece
from pinnlab.solvers.lagrangian.frames import PREFIX, Drift
from pinnlab.solvers.lagrangian.inflow import Entry, EntryAnsatz
from pinnlab.solvers.lagrangian.view import EulerianView
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.solvers.multidomain.partition import Cell, Interface, Partition
from pinnlab.solvers.parameter_collocation.part import InterpolatedFamily, WeightedMembers
from pinnlab.solvers.plane_march.piece import SlabPiece
from pinnlab.solvers.windows import Slice, joined
from pinnlab.training.history import History
from pinnlab.training.model import Model
from pinnlab.training.outer import OuterPart, change_of_data, outer_part
from pinnlab.training.part import Data, Part
from pinnlab.training.result import Result, Solved, members_of
from pinnlab.training.status import Status
from pinnlab.training.uncertainty import Uncertainty

VERSION = 1
_FIX = "save the solution again, or give another file"


class _OwnNetworkError(ValueError):
    """The user's own network does not fit."""


# -- writing -----------------------------------------------------------------------------------------------------------


def save(solution: Solved, path: str | os.PathLike[str]) -> None:
    """Write a solution to a file: plain data and tensors only; TypeError where a part has no file form, or OSError."""
    problem, file = solution.problem, _File(solution.models)
    parts = [file.written(k) for k in range(len(solution.models))]
    files.write(
        path,
        {
            "pinnlab": "solution",
            "version": VERSION,
            "name": problem.name,
            "domain": problem.domain.to_data(),
            "unknowns": list(problem.unknowns),
            "complex": list(problem.complex_unknowns),
            "parameters": {name: parameter_data(value) for name, value in problem.parameters.items()},
            "digests": dict(problem.digests) if isinstance(problem, SavedProblem) else digests(problem),
            "models": parts,
            "bases": [basis.to_data() for basis in file.bases],
            "history": solution.history.to_data(),
            "status": solution.status.name,
            "seconds": solution.seconds,
            "notes": list(dict.fromkeys([*solution.notes, *file.remarks])),
            **({} if solution.uncertainty is None else {"uncertainty": solution.uncertainty.to_data()}),
        },
    )


class _File:
    """What the parts of a solution write themselves to, one after the other.

    Attributes:
        bases: what several parts share, each once.
        remarks: on what the file holds roughly.
    """

    def __init__(self, parts: Sequence[Part]):
        self.parts, self.bases, self.remarks = parts, list[Any](), list[str]()
        self._window = 0

    def written(self, number: int) -> Data:
        """The plain data of one part."""
        self._window = number
        return self.parts[number].to_data(self)

    def shared(self, thing: Any) -> int:
        for number, known in enumerate(self.bases):
            if known is thing:
                return number
        self.bases.append(thing)
        return len(self.bases) - 1

    def exact(self, ansatz: Ansatz, region: Region, unknowns: Sequence[str]) -> Data:
        pairs = zip(unknowns, ansatz.constraints, strict=True)
        return {
            "constraints": [[self._constraint(c, region, unknown) for c in mine] for unknown, mine in pairs],
            "layers": [plain.layer_data(profile, region) for profile in ansatz.profiles],
        }

    def known(self, part: SingularPart, region: Region) -> list[Data]:
        return plain.singular_data(part, region)

    def _constraint(self, constraint: Constraint, region: Region, unknown: str) -> Data:
        faces = [
            {"position": f.position, "order": f.order, "value": self._value(f, constraint.index, region, unknown)}
            for f in constraint.faces
        ]
        return {"index": constraint.index, "lower": constraint.lower, "upper": constraint.upper, "faces": faces}

    def _value(self, face: FaceValue, index: int, region: Region, unknown: str) -> Data:
        """The exact data on a face across the coordinate of this number."""
        if isinstance(face.value, Remainder):
            data = self._value(replace(face, value=face.value.value), index, region, unknown)
            return plain.remainder_data(face.value, data, region)
        write = _VALUES.get(type(face.value))
        data = self._tabulated(face, index, region) if write is None else write(face.value, self.parts)
        # a function that is undefined beside the region has no series at all
        if not data.get("error", 0.0) <= plain.ACCURATE:
            name = region.coordinates[index]
            what = unknown + (f"_{name * face.order}" if face.order else "")
            self.remarks.append(
                f"the exact value of {what} at {name} = {face.position:g} is kept in the file as a polynomial that is off "
                f"by {data['error']:.1e} (relative)" + (f" of window {self._window + 1}" if self._window else "")
            )
        return data

    def _tabulated(self, face: FaceValue, index: int, region: Region) -> Data:
        used = face.value.depends_on if isinstance(face.value, FunctionValue) else region.coordinates
        columns = [i for i, name in enumerate(region.coordinates) if name in used and i != index]
        return plain.tabulated_data(face.value, columns, region, {index: face.position})


def _slice_data(value: Slice, parts: Sequence[Part]) -> Data:
    source = next(k for k, part in enumerate(parts) if part.solved is value.model)
    return {"slice": source, "unknown": value.unknown, "order": value.order}


_VALUES: dict[type, Callable[[Any, Sequence[Part]], Data]] = {
    Slice: _slice_data,
    FourierSeries: lambda value, parts: plain.waves_data(value),
    Series: lambda value, parts: plain.series_data(value),
}  # fmt: skip
"""Exact data that a file holds as they are; all others are tabulated."""


# -- reading -----------------------------------------------------------------------------------------------------------


def load(
    path: str | os.PathLike[str],
    problem: Problem | None,
    network: nn.Module | None,
    device: torch.device | str,
) -> Result:
    """Read what ``save`` wrote.

    Args:
        path: the file.
        problem: the problem that was solved, or None for what the file knows of it.
        network: a module with the shape of the saved one, where that was the user's own class.
        device: where the tensors go.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, another problem, or a network of the user's own that was not passed.
    """
    data = files.read(path, device, fix=_FIX)
    where = repr(os.fspath(path))
    if data["pinnlab"] != "solution":
        raise ValueError(f"{where} is a {data['pinnlab']}, not a solution; to resume it, pass checkpoint= to pl.solve.")
    if data.get("version") != VERSION:
        raise ValueError(f"{where} was written by another version of pinnlab (its format is {data.get('version')!r}).")
    try:
        found, known = _put_together(data, network, device)
    except _OwnNetworkError:
        raise
    except Exception as error:  # content of another type or size fails in any way
        told = str(error).strip().partition("\n")[0]
        raise ValueError(f"{where} could not be put together again: {type(error).__name__}: {told}; {_FIX}.") from error
    if problem is None:
        return found
    for name in ("domain", "unknowns", "parameters"):
        if _comparable(problem, name) != _comparable(known, name):
            raise ValueError(
                f"load(problem=...): the file was written for {name}={getattr(known, name)!r}, the problem has "
                f"{getattr(problem, name)!r}; pass the problem that was solved."
            )
    notes = (*found.notes, *compared(digests(problem), known.digests))
    return replace(found, problem=problem, notes=notes, members=members_of(problem, found.models))


def _put_together(data: Data, network: nn.Module | None, device: torch.device | str) -> tuple[Result, SavedProblem]:
    """The solution that a file's content describes, and what it knows of the problem."""
    known = _saved_problem(data)
    bases = [LocalBasis.from_data(basis) for basis in data.get("bases", ())]
    parts = _parts(data["models"], _Known(known.unknowns, (), bases, network, device))
    whole = known.domain.bounds
    # the first one is at the end where a final state is given
    if not parts or not any(all(parts[0].region.bounds[n][side] == whole[n][side] for n in whole) for side in (0, 1)):
        raise IndexError("the first time window is missing")
    history, status, seconds = History.from_data(data["history"]), Status[data["status"]], float(data["seconds"])
    function, notes = joined(parts, known.domain), tuple(str(note) for note in data["notes"])
    for part in parts:  # numbers of another shape would fail only when they are asked for
        middle = torch.tensor([[(a + b) / 2 for a, b in part.region.bounds.values()]]).to(part.parameters[0])
        if part.values(middle).shape != (1, len(known.unknowns)):
            raise ValueError(f"its values are not those of {', '.join(known.unknowns)}")
    asked: Any = known
    sure = Uncertainty.from_data(data["uncertainty"]) if "uncertainty" in data else None
    members = members_of(asked, parts)
    found = Result(asked, function, parts, history, status, seconds, notes=notes, members=members, uncertainty=sure)
    return found, known


def _comparable(problem: Problem | SavedProblem, name: str) -> Any:
    value = getattr(problem, name)
    return {k: parameter_data(v) for k, v in value.items()} if name == "parameters" else value


def _saved_problem(data: Data) -> SavedProblem:
    region = from_data(data["domain"])
    parameters = {name: parameter_from(value, region) for name, value in data["parameters"].items()}
    if not isinstance(data["unknowns"], list) or not all(isinstance(name, str) for name in data["unknowns"]):
        raise TypeError(f"the unknowns are {data['unknowns']!r}")
    digests = {str(key): str(value) for key, value in data.get("digests", {}).items()}
    complex_ones = tuple(str(name) for name in data.get("complex", ()))
    return SavedProblem(region, tuple(data["unknowns"]), parameters, str(data["name"]), digests, complex_ones)


@dataclass(frozen=True)
class _Known:
    """What is known when a part is read.

    Attributes:
        unknowns: of the part.
        earlier: the parts before it.
        bases: what parts share.
        network: the user's own, if one was passed.
        device: where tensors go.
    """

    unknowns: tuple[str, ...]
    earlier: Sequence[Part]
    bases: Sequence[LocalBasis]
    network: nn.Module | None
    device: torch.device | str


def _piece(data: Data, known: _Known) -> Piece:
    return Piece.from_data(data["piece"], known.bases[data["basis"]], data["constants"], _lift(data))


def _cut_piece(data: Data, known: _Known) -> CutPiece:
    return CutPiece.from_data(data["cut cells"], known.bases[data["basis"]], data["constants"])


def _slab_piece(data: Data, known: _Known) -> SlabPiece:
    return SlabPiece.from_data(data["slab of cells"], known.bases[data["basis"]], data["constants"], _lift(data))


def _lift(data: Data) -> dict[str, SingularPart]:
    """{unknown: the part of it that was known beforehand}."""
    return {unknown: plain.singular_from(part) for unknown, part in data.get("lift", {}).items()}


def _view(data: Data, known: _Known) -> EulerianView:
    drift = Drift(**data["drift"])
    displacements = (PREFIX + c for c in drift.velocity)
    model = _model(data, replace(known, unknowns=(*known.unknowns, *displacements)))
    if "entry" not in data:
        return EulerianView(model, known.unknowns, drift)
    entry = Entry(Box(**data["domain"]), data["entry"]["place"], data["entry"]["velocity"])
    exact: Any = EntryAnsatz.of(entry, model.ansatz.constraints, data["entry"]["orders"])
    model.ansatz = exact
    return EulerianView(model, known.unknowns, drift, entry)


def _piecewise(data: Data, known: _Known) -> PiecewiseModel:
    parts = [_model(cell, replace(known, network=None)) for cell in data["cells"]]
    networks: dict[int, nn.Module] = {}
    for owner, part in zip(data["owners"], parts, strict=True):
        part.network = networks.setdefault(owner, part.network)
    boxes = [Box(**cell["domain"]) for cell in data["cells"]]
    cells = tuple(Cell(box, owner) for box, owner in zip(boxes, data["owners"], strict=True))
    joints = tuple(Interface(a, b, normal, boxes[a], boxes[b]) for a, b, normal in data["interfaces"])
    coefficients = {name: nn.Parameter(value) for name, value in data["coefficients"].items()}
    return PiecewiseModel(Partition(from_data(data["domain"]), cells, joints), parts, coefficients, data["constants"])


def _model(data: Data, known: _Known) -> Model:
    try:
        module = built_network(data["network"], known.network)
    except ValueError as error:
        if data["network"].get("own"):
            raise _OwnNetworkError(str(error)) from error
        raise
    dtype = next((t.dtype for t in data["state"].values() if t.is_floating_point()), torch.float64)
    module = module.to(known.device, dtype)
    try:
        module.load_state_dict(data["state"])
    except RuntimeError as error:
        kind = ValueError if known.network is None else _OwnNetworkError
        raise kind(f"load(network={type(module).__name__}(...)) does not fit the file: {error}") from error
    constraints = [[_constraint(c, known.earlier) for c in mine] for mine in data["constraints"]]
    layers = [plain.layer_from(layer) for layer in data["layers"]]
    coefficients = {name: nn.Parameter(value) for name, value in data["coefficients"].items()}
    ansatz, region = Ansatz(constraints, layers), from_data(data["domain"])
    return Model(region, known.unknowns, module, ansatz, coefficients, data["constants"])


def _outer(data: Data, known: _Known) -> OuterPart:
    return outer_part(_read(data["part"], known), change_of_data(data["outer"]), from_data(data["region"]))


def _parts(entries: Sequence[Data], known: _Known) -> list[Part]:
    """Parts of one solution, of which later ones may refer to earlier ones."""
    parts: list[Part] = []
    for entry in entries:
        parts.append(_read(entry, replace(known, earlier=[part.solved for part in parts])))
    return parts


def _interpolated(data: Data, known: _Known) -> InterpolatedFamily:
    nodes = [_parts(node, known) for node in data["interpolated family"]]
    return InterpolatedFamily.from_data(data, nodes, from_data(data["region"]))


def _weighted(data: Data, known: _Known) -> WeightedMembers:
    nodes = [_parts(node, known) for node in data["weighted members"]]
    return WeightedMembers(from_data(data["region"]), nodes, data["weights"], data["values"])


def _read(entry: Data, known: _Known) -> Part:
    return next(reader for key, reader in _READERS.items() if key in entry or key == "network")(entry, known)


_READERS: dict[str, Callable[[Data, _Known], Part]] = {
    "outer": _outer, "interpolated family": _interpolated, "weighted members": _weighted, "piece": _piece,
    "cut cells": _cut_piece, "slab of cells": _slab_piece, "drift": _view, "cells": _piecewise, "network": _model,
}  # fmt: skip
"""The kinds of parts, each known by an entry that those after it in this table do not have."""


def _constraint(data: Data, earlier: Sequence[Part]) -> Constraint:
    faces = tuple(FaceValue(f["position"], _value(f["value"], earlier), f["order"]) for f in data["faces"])
    return Constraint(data["index"], data["lower"], data["upper"], faces, ())


def _value(data: Data, earlier: Sequence[Part]) -> KnownFunction:
    if "less" in data:
        own = {name: entry for name, entry in data.items() if name != "less"}
        return plain.remainder_from(_value(own, earlier), data["less"])
    if "slice" in data:
        return Slice(earlier[data["slice"]], data["unknown"], data["order"])
    return plain.waves_from(data) if "fourier" in data else plain.tabulated_from(data)
