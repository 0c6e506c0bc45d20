"""Functions that are known without a network, as plain data: series, waves, and singular parts with their layers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.clashes.layers import Shape, Wedge, shape_data, shape_from
from pinnlab.declaration.clashes.legs import During
from pinnlab.declaration.clashes.singular import Constant, Pinned, Remainder, SingularPart
from pinnlab.declaration.clashes.travelling import Echo, Medium, Motion, Pluck, Travelling
from pinnlab.declaration.discontinuities.breaks import find_breaks
from pinnlab.declaration.discontinuities.kinks import KinkProfile
from pinnlab.derivatives.chebyshev import BrokenSeries, Series, interpolate
from pinnlab.derivatives.fourier import FourierSeries
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Box, Region
from pinnlab.training.part import Data

ACCURATE = 1e-12
"""Error of a series, relative, with which it is as good as the function."""


def waves_data(value: FourierSeries) -> Data:
    """A Fourier series."""
    places = {"columns": list(value.columns), "lower": list(value.lower), "periods": list(value.periods)}
    return {"fourier": value.coefficients, **places}


def waves_from(data: Data) -> FourierSeries:
    """The inverse of ``waves_data``."""
    columns, lower, periods = (tuple(data[name]) for name in ("columns", "lower", "periods"))
    return FourierSeries(columns, lower, periods, data["fourier"].cpu())


def series_data(value: Series) -> Data:
    """A Chebyshev series, with its error."""
    intervals = [list(bounds) for bounds in value.intervals]
    return {
        "columns": list(value.columns), "intervals": intervals, "series": value.coefficients, "error": value.error
    }  # fmt: skip


def series_from(data: Data) -> Series:
    """The inverse of ``series_data``."""
    intervals = tuple((lower, upper) for lower, upper in data["intervals"])
    return Series(tuple(data["columns"]), intervals, data["series"].cpu(), data["error"])


def tabulated_data(value: KnownFunction, columns: Sequence[int], region: Region, fixed: Mapping[int, float]) -> Data:
    """A function as a series, or along a line, where it has kinks or jumps, as a series for each part between them.

    Args:
        value: the function.
        columns: numbers of the coordinates it depends on.
        region: gives their intervals.
        fixed: {number: position} of coordinates at which it is taken.
    """
    whole = interpolate(value, columns, region, fixed)
    if whole.error <= ACCURATE or len(columns) != 1 or not isinstance(region, Box):
        return series_data(whole)
    name = region.coordinates[columns[0]]
    lower, upper = region.bounds[name]
    line = torch.tensor([[fixed.get(i, a) for i, (a, _) in enumerate(region.bounds.values())]], dtype=torch.float64)
    places = [found.position for found in find_breaks(value.jet, line, columns[0], (lower, upper), 1)]
    ends = [lower, *places, upper]
    parts = [interpolate(value, columns, region.replace(**{name: part}), fixed) for part in itertools.pairwise(ends)]
    broken = BrokenSeries(tuple(places), tuple(parts))
    if not broken.error < whole.error:
        return series_data(whole)
    return {"places": places, "parts": [series_data(part) for part in parts], "error": broken.error}


def tabulated_from(data: Data) -> Series | BrokenSeries:
    """The inverse of ``tabulated_data``."""
    if "parts" not in data:
        return series_from(data)
    return BrokenSeries(tuple(data["places"]), tuple(series_from(part) for part in data["parts"]))


def singular_data(part: SingularPart, region: Region) -> list[Data]:
    """A singular part; amplitudes become series of the coordinates along their side, motions of sides series of time.

    Args:
        part: of one unknown.
        region: gives the coordinates' intervals.
    """
    layers = [
        {"amplitude": series_data(_tabulated(amplitude, _while_there(shape, region))), "shape": shape_data(shape)}
        for amplitude, shape in part.terms
    ]
    return [*layers, *({"wave": _wave_data(wave, region)} for wave in part.waves)]


def singular_from(data: list[Data]) -> SingularPart:
    """The inverse of ``singular_data``."""
    layers = tuple((series_from(term["amplitude"]), shape_from(term["shape"])) for term in data if "shape" in term)
    return SingularPart(layers, tuple(_wave_from(term["wave"]) for term in data if "wave" in term))


def _wave_data(wave: Travelling, region: Region) -> Data:
    """What a side has sent out by the end of a region's time."""
    motion = wave.motion
    plain = {"axis": wave.axis, "sign": wave.sign, "nodes": wave.nodes, "medium": asdict(wave.medium)}
    plain["ways"] = [asdict(way) for way in wave.ways]
    if isinstance(motion, Pluck):
        return {"pluck": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(motion).items()}, **plain}
    value = motion.value
    if not isinstance(value, Series | BrokenSeries):
        begun = region.replace(**{region.clock: (motion.place[motion.time], region.time_interval[1])})
        depends = not isinstance(value, FunctionValue) or region.clock in value.depends_on
        given = tabulated_data(value, [motion.time] if depends else [], begun, {wave.axis: motion.place[wave.axis]})
    elif isinstance(value, Series):
        given = series_data(value)
    else:
        parts = [series_data(part) for part in value.parts]
        given = {"places": list(value.places), "parts": parts, "error": value.error}
    moved = {"place": list(motion.place), "time": motion.time}
    moved |= {"expected": list(motion.expected), "fading": motion.fading}
    return {"given": given, "motion": moved, **plain}


def _wave_from(data: Data) -> Travelling:
    own = data.get("motion") or data["pluck"]
    moved: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in own.items()}
    motion = Motion(tabulated_from(data["given"]), **moved) if "motion" in data else Pluck(**moved)
    ways = tuple(Echo(**way) for way in data["ways"])
    return Travelling(motion, data["axis"], data["sign"], Medium(**data["medium"]), ways, data["nodes"])


def layer_data(profile: KnownFunction | None, region: Region) -> Data | list[Data] | None:
    """What is added to a field: a singular part is a list, the layer of a kink is not."""
    if isinstance(profile, SingularPart):
        return singular_data(profile, region)
    return asdict(profile) if isinstance(profile, KinkProfile) else None


def layer_from(data: Data | list[Data] | None) -> KnownFunction | None:
    """The inverse of ``layer_data``."""
    if isinstance(data, list):
        return singular_from(data)
    return None if data is None else KinkProfile(**data)


def remainder_data(value: Remainder, data: Data, region: Region) -> Data:
    """Data on a face less a singular part.

    Args:
        value: what a smooth field has to meet there.
        data: the face's own data, already plain.
        region: gives the coordinates' intervals.
    """
    bounds = [list(interval) for interval in value.bounds]
    return {**data, "less": {"singular": singular_data(value.singular, region), "axis": value.axis, "bounds": bounds}}


def remainder_from(value: KnownFunction, data: Data) -> Remainder:
    """The inverse of ``remainder_data``, with the face's own data made again."""
    bounds = tuple((float(lower), float(upper)) for lower, upper in data["bounds"])
    return Remainder(value, singular_from(data["singular"]), data["axis"], bounds)


def _while_there(shape: Shape, region: Region) -> Region:
    """A region, in the part of time in which there is a shape."""
    if not isinstance(shape, Wedge) or shape.leg is None:
        return region
    return region.replace(**{region.clock: (shape.leg.first, shape.leg.last)})


def _tabulated(amplitude: KnownFunction, region: Region) -> Series:
    return (
        amplitude if isinstance(amplitude, Series) else interpolate(amplitude, _columns(amplitude, region), region, {})
    )


def _columns(amplitude: KnownFunction, region: Region) -> list[int]:
    """Numbers of the coordinates on which an amplitude depends."""
    if isinstance(amplitude, Constant):
        return []
    used: set[int] = set()
    for value, fixed in _parts(amplitude):
        names: Any = value.depends_on if isinstance(value, FunctionValue | During) else region.coordinates
        used |= {region.coordinates.index(name) for name in names} - {i for i, _ in fixed}
    return sorted(used)


def _parts(amplitude: KnownFunction) -> list[tuple[KnownFunction, tuple[tuple[int, float], ...]]]:
    if isinstance(amplitude, Pinned):
        return [(value, fixed) for _, value, fixed in amplitude.parts]
    return [(amplitude, ())]
