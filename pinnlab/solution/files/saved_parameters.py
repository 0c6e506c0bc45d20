"""Parameters of a problem as plain data in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pinnlab.declaration.parameters import functions
from pinnlab.declaration.parameters.found_functions import Found, found_data, found_from
from pinnlab.declaration.parameters.kinds import Parameter, Uniform, Unknown
from pinnlab.declaration.parameters.materials import PiecewiseFunction, piecewise_data, piecewise_from_data
from pinnlab.declaration.parameters.random_fields import RandomField
from pinnlab.declaration.parameters.unknown_functions import UnknownFunction
from pinnlab.domains import Region
from pinnlab.training.part import Data


def parameter_data(value: Any) -> float | Data:
    """A parameter as plain data for ``parameter_from``."""
    if isinstance(value, UnknownFunction):
        value = value.declared
    if isinstance(value, Uniform):
        return {"lower": value.lower, "upper": value.upper}
    if isinstance(value, RandomField):
        scale = dict(value.length_scale) if isinstance(value.length_scale, Mapping) else value.length_scale
        options = {key: getattr(value, key) for key in ("on", "std", "mean", "kernel", "periodic", "centered")}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
        return {"kind": "random field", **plain, "length_scale": scale}
    if isinstance(value, PiecewiseFunction):
        return piecewise_data(value)
    if isinstance(value, Found):
        return {"kind": "found function", **found_data(value)}
    if isinstance(value, functions.FunctionParameter):
        return functions.to_data(value)
    return value.to_data() if isinstance(value, Unknown) else float(value)


def parameter_from(data: Any, region: Region) -> Parameter:
    """The inverse of ``parameter_data``, as far as files hold functions."""
    if not isinstance(data, dict):
        return data
    if data.get("kind") == "random field":
        options: Data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
        return RandomField(**options).over(region)
    if data.get("kind") == "found function":
        return found_from(data)
    if "kind" in data:
        return piecewise_from_data(data) if data["kind"] == "piecewise" else functions.from_data(data)
    return Unknown(**data) if "start" in data else Uniform(data["lower"], data["upper"])
