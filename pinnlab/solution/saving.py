"""Saved solutions: plain data from which a finished solution is put together again, without running anything's code.

Letters: n points, d coordinates, m unknowns, K coefficients per direction.

A problem is made of Python functions, which a file cannot hold safely. So a file holds what evaluation needs: the
networks' sizes and numbers, the structure of the exact conditions, and their data as Chebyshev series.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from pinnlab.declaration import functions
from pinnlab.declaration.ansatz import Ansatz, Constraint, Face, FunctionValue
from pinnlab.declaration.kinks import KinkProfile
from pinnlab.declaration.parameters import Parameter, Uniform, Unknown
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.random_fields import RandomField
from pinnlab.derivatives.chebyshev import Series, interpolate
from pinnlab.derivatives.fourier import FourierSeries
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Box, Region, from_data
from pinnlab.machine import files
from pinnlab.networks.files import built_network, network_data
from pinnlab.solvers.lagrangian.frames import PREFIX, Drift
from pinnlab.solvers.lagrangian.view import EulerianView
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.solvers.multidomain.partition import Cell, Interface, Partition
from pinnlab.solvers.windows import Slice, joined
from pinnlab.training.history import History
from pinnlab.training.model import Model
from pinnlab.training.result import Solved
from pinnlab.training.status import Status

Data = dict[str, Any]
VERSION = 1
_ACCURATE = 1e-12


class _NotInFileError(ValueError, AttributeError):
    """Something of the problem that a file does not hold."""


@dataclass(frozen=True)
class SavedProblem:
    """What a file knows of the problem: enough to evaluate and draw; the equations are not in it."""

    domain: Region
    unknowns: tuple[str, ...]
    parameters: dict[str, Parameter]
    name: str
    reference: None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _NotInFileError(
            f"problem.{name} is not known: this solution comes from a file, which holds no equations, conditions or "
            "references; pass the problem, pl.Solution.load(path, problem=problem)."
        )


# -- writing -----------------------------------------------------------------------------------------------------------


def save(solution: Solved, path: str | os.PathLike[str]) -> None:
    """Write a solution to a file: plain data and tensors only.

    Raises:
        TypeError: an exact condition of a kind that has no file form.
    """
    problem, notes = solution.problem, list(solution.notes)
    models = []
    parts: Sequence[Any] = solution.models
    bases = list({id(m.basis): m.basis for m in parts if isinstance(m, Piece)}.values())
    for k, model in enumerate(parts):
        if isinstance(model, Piece):
            models.append({"piece": model.to_data(), "basis": bases.index(model.basis), "constants": model.constants})
            continue
        if isinstance(model, EulerianView):
            data, remarks = _model_data(model.model, parts)
            data["drift"] = {"start": model.drift.start, "velocity": dict(model.drift.velocity)}
        elif isinstance(model, PiecewiseModel):
            data, remarks = _piecewise_data(model, parts)
        else:
            data, remarks = _model_data(model, parts)
        models.append(data)
        notes += [text + (f" of window {k + 1}" if k else "") for text in remarks]
    files.write(
        path,
        {
            "pinnlab": "solution",
            "version": VERSION,
            "name": problem.name,
            "domain": _region_data(problem.domain),
            "unknowns": list(problem.unknowns),
            "parameters": {name: _parameter_data(value) for name, value in problem.parameters.items()},
            "models": models,
            "bases": [basis.to_data() for basis in bases],
            "history": solution.history.to_data(),
            "status": solution.status.name,
            "seconds": solution.seconds,
            "notes": list(dict.fromkeys(notes)),
        },
    )


def _region_data(region: Region) -> Data:
    return region.to_data()


def _parameter_data(value: Any) -> float | Data:
    if isinstance(value, Uniform):
        return {"lower": value.lower, "upper": value.upper}
    if isinstance(value, RandomField):
        scale = dict(value.length_scale) if isinstance(value.length_scale, Mapping) else value.length_scale
        options = {key: getattr(value, key) for key in ("on", "std", "mean", "kernel", "periodic", "centered")}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
        return {"kind": "random field", **plain, "length_scale": scale}
    if isinstance(value, functions.FunctionParameter):
        return functions.to_data(value)
    return {"start": value.start} if isinstance(value, Unknown) else float(value)


def _parameter(data: Any, region: Region) -> Parameter:
    if not isinstance(data, dict):
        return data
    if data.get("kind") == "random field":
        options: Data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
        return RandomField(**options).over(region)
    if "kind" in data:
        return functions.from_data(data)
    return Unknown(data["start"]) if "start" in data else Uniform(data["lower"], data["upper"])


def _model_data(model: Model, models: Sequence[Model]) -> tuple[Data, list[str]]:
    names = model.region.coordinates
    remarks: list[str] = []
    constraints: list[list[Data]] = []
    for unknown, mine in zip(model.unknowns, model.ansatz.constraints, strict=True):
        constraints.append([])
        for c in mine:
            faces = []
            for face in c.faces:
                value = _value_data(face.value, c.index, face.position, model.region, models)
                faces.append({"position": face.position, "order": face.order, "value": value})
                # a function that is undefined beside the region has no series at all
                if not value.get("error", 0.0) <= _ACCURATE:
                    what = unknown + (f"_{names[c.index] * face.order}" if face.order else "")
                    remarks.append(
                        f"the exact value of {what} at {names[c.index]} = {face.position:g} is kept in the file as a "
                        f"polynomial that is off by {value['error']:.1e} (relative)"
                    )
            data = {"index": c.index, "lower": c.lower, "upper": c.upper, "faces": faces}
            constraints[-1].append(data)
    return {
        "domain": _region_data(model.region),
        "network": network_data(model.network),
        "state": {name: tensor.cpu() for name, tensor in model.network.state_dict().items()},
        "constraints": constraints,
        "layers": [asdict(profile) if isinstance(profile, KinkProfile) else None for profile in model.ansatz.profiles],
        "coefficients": {name: value.detach().cpu() for name, value in model.coefficients.items()},
        "constants": {name: value.cpu() for name, value in model.constants.items() if isinstance(value, torch.Tensor)},
    }, remarks


def _piecewise_data(model: PiecewiseModel, models: Sequence[Model]) -> tuple[Data, list[str]]:
    parts, remarks = zip(*(_model_data(part, models) for part in model.models), strict=True)
    joints = [[i.first, i.second, i.normal] for i in model.partition.interfaces]
    owners = [cell.owner for cell in model.partition.cells]
    common = {key: parts[0][key] for key in ("coefficients", "constants")}
    data = {
        "domain": _region_data(model.region),
        "cells": list(parts),
        "owners": owners,
        "interfaces": joints,
        **common,
    }
    return data, [text for found in remarks for text in found]


def _value_data(value: KnownFunction, index: int, position: float, region: Region, models: Sequence[Model]) -> Data:
    """The file form of exact data on the face where coordinate ``index`` is at ``position``."""
    if isinstance(value, Slice):
        source = next(k for k, model in enumerate(models) if model is value.model)
        return {"slice": source, "unknown": value.unknown, "order": value.order}
    if isinstance(value, FourierSeries):
        places = {"columns": list(value.columns), "lower": list(value.lower), "periods": list(value.periods)}
        return {"fourier": value.coefficients, **places}
    if not isinstance(value, Series):
        used = value.depends_on if isinstance(value, FunctionValue) else region.coordinates
        columns = [i for i, name in enumerate(region.coordinates) if name in used and i != index]
        value = interpolate(value, columns, region, {index: position})
    intervals = [list(bounds) for bounds in value.intervals]
    return {
        "columns": list(value.columns),
        "intervals": intervals,
        "series": value.coefficients,
        "error": value.error,
    }


# -- reading -----------------------------------------------------------------------------------------------------------


def load(
    path: str | os.PathLike[str],
    problem: Problem | None,
    network: nn.Module | None,
    device: torch.device | str,
) -> Data:
    """Read what ``save`` wrote, as the arguments of ``Solution``.

    Args:
        path: the file.
        problem: the problem that was solved, or None for what the file knows of it.
        network: a module with the shape of the saved one, where that was the user's own class.
        device: where the tensors go.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, another problem, or a network of the user's own that was not passed.
    """
    data = files.read(path, device)
    where = repr(os.fspath(path))
    if data["pinnlab"] != "solution":
        raise ValueError(f"{where} is a {data['pinnlab']}, not a solution; to resume it, pass checkpoint= to pl.solve.")
    if data.get("version") != VERSION:
        raise ValueError(f"{where} was written by another version of pinnlab (its format is {data.get('version')!r}).")
    try:
        known = _saved_problem(data)
        models: list[Any] = []
        bases = [LocalBasis.from_data(basis) for basis in data.get("bases", ())]
        for entry in data["models"]:
            if "piece" in entry:
                models.append(Piece.from_data(entry["piece"], bases[entry["basis"]], entry["constants"]))
                continue
            if "drift" in entry:
                drift = Drift(**entry["drift"])
                unknowns = (*known.unknowns, *(PREFIX + c for c in drift.velocity))
                model = _model(entry, unknowns, models, network, device)
                models.append(EulerianView(model, known.unknowns, drift))
                continue
            if "cells" in entry:
                models.append(_piecewise(entry, known.unknowns, models, device))
                continue
            models.append(_model(entry, known.unknowns, models, network, device))
        if not models or any(models[0].region.bounds[n][0] != lower for n, (lower, _) in known.domain.bounds.items()):
            raise IndexError("the first time window is missing")
        history, status = History.from_data(data["history"]), Status[data["status"]]
    except (KeyError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{where} could not be put together again: {type(error).__name__}: {error}.") from error
    for name in ("domain", "unknowns", "parameters"):
        if problem is not None and _comparable(problem, name) != _comparable(known, name):
            raise ValueError(
                f"load(problem=...): the file was written for {name}={getattr(known, name)!r}, the problem has "
                f"{getattr(problem, name)!r}; pass the problem that was solved."
            )
    return {
        "problem": known if problem is None else problem,
        "function": joined(models, known.domain),
        "models": models,
        "history": history,
        "status": status,
        "seconds": data["seconds"],
        "notes": tuple(data["notes"]),
    }


def _comparable(problem: Problem | SavedProblem, name: str) -> Any:
    value = getattr(problem, name)
    return {k: _parameter_data(v) for k, v in value.items()} if name == "parameters" else value


def _saved_problem(data: Data) -> SavedProblem:
    region = from_data(data["domain"])
    parameters = {name: _parameter(value, region) for name, value in data["parameters"].items()}
    return SavedProblem(region, tuple(data["unknowns"]), parameters, data["name"])


def _piecewise(
    data: Data, unknowns: tuple[str, ...], earlier: Sequence[Any], device: torch.device | str
) -> PiecewiseModel:
    parts = [_model(cell, unknowns, earlier, None, device) for cell in data["cells"]]
    networks: dict[int, nn.Module] = {}
    for owner, part in zip(data["owners"], parts, strict=True):
        part.network = networks.setdefault(owner, part.network)
    boxes = [Box(**cell["domain"]) for cell in data["cells"]]
    cells = tuple(Cell(box, owner) for box, owner in zip(boxes, data["owners"], strict=True))
    joints = tuple(Interface(a, b, normal, boxes[a], boxes[b]) for a, b, normal in data["interfaces"])
    coefficients = {name: nn.Parameter(value) for name, value in data["coefficients"].items()}
    return PiecewiseModel(Partition(Box(**data["domain"]), cells, joints), parts, coefficients, data["constants"])


def _model(
    data: Data, unknowns: tuple[str, ...], earlier: Sequence[Model], own: nn.Module | None, device: torch.device | str
) -> Model:
    module = built_network(data["network"], own)
    dtype = next((t.dtype for t in data["state"].values() if t.is_floating_point()), torch.float64)
    module = module.to(device, dtype)
    try:
        module.load_state_dict(data["state"])
    except RuntimeError as error:
        raise ValueError(f"load(network={type(module).__name__}(...)) does not fit the file: {error}") from error
    constraints = [
        [
            Constraint(
                c["index"],
                c["lower"],
                c["upper"],
                tuple(Face(f["position"], _value(f["value"], earlier), f["order"]) for f in c["faces"]),
                (),
            )
            for c in mine
        ]
        for mine in data["constraints"]
    ]
    layers = [None if layer is None else KinkProfile(**layer) for layer in data["layers"]]
    coefficients = {name: nn.Parameter(value) for name, value in data["coefficients"].items()}
    region = from_data(data["domain"])
    return Model(region, unknowns, module, Ansatz(constraints, layers), coefficients, data["constants"])


def _value(data: Data, earlier: Sequence[Model]) -> KnownFunction:
    if "slice" in data:
        return Slice(earlier[data["slice"]], data["unknown"], data["order"])
    if "fourier" in data:
        columns, lower, periods = (tuple(data[name]) for name in ("columns", "lower", "periods"))
        return FourierSeries(columns, lower, periods, data["fourier"].cpu())
    intervals = tuple((lower, upper) for lower, upper in data["intervals"])
    return Series(tuple(data["columns"]), intervals, data["series"].cpu(), data["error"])
