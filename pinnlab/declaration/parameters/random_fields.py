"""Families of functions: Gaussian random fields, drawn as Fourier series."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
import torch

from pinnlab.declaration.parameters.functions import FunctionParameter, GaussianFunction, given_function
from pinnlab.declaration.parameters.kinds import Family
from pinnlab.domains import Region
from pinnlab.machine.numbers import finite, positive

_MARGIN = 8.0
"""Length scales by which the period of an expansion exceeds an interval that is not periodic."""
_TAIL = {"squared_exponential": 1e-20, "matern52": 1e-8}
"""Share of the variance that the modes left out may have."""
_MODES = (100, 1000, 4000)
"""Fourier modes among which those that matter are looked for."""


def periodic_spectrum(length_scale: float, modes: int) -> np.ndarray:
    """Variances (modes + 1,) of the cosine modes of the kernel exp(-2 sin^2(pi d / P) / l^2).

    As 2 sin^2 = 1 - cos, this is exp(-a) exp(a cos(2 pi d / P)) with a = 1 / l^2, whose Fourier coefficients are modified
    Bessel functions: exp(-a) (I_0(a) + 2 sum_k I_k(a) cos(2 pi k d / P)).
    """
    k = np.arange(modes + 1)
    return np.where(k == 0, 1.0, 2.0) * scipy.special.ive(k, 1 / length_scale**2)


def line_spectrum(kernel: str, length_scale: float, period: float, modes: int) -> np.ndarray:
    """Variances (modes + 1,) of the cosine modes of a kernel on the line, repeated with a period; their sum is 1.

    The variance of mode k is the kernel's spectral density at w = 2 pi k / P: exp(-(l w)^2 / 2) for the squared
    exponential exp(-d^2 / (2 l^2)), (5 / l^2 + w^2)^-3 for Matern's with smoothness 5/2
    (Rasmussen & Williams 2006, section 4.2).
    """
    k = np.arange(modes + 1)
    w = 2 * np.pi * k / period
    square = (length_scale * w) ** 2
    density = np.exp(-square / 2) if kernel == "squared_exponential" else (5 + square) ** -3.0
    density *= np.where(k == 0, 1.0, 2.0)
    return density / density.sum()


@dataclass(frozen=True, init=False)
class RandomField(Family):
    """A family of functions: a Gaussian random field over one or more coordinates, ``RandomField(on="x")``.

    As a parameter ``u0`` it is bound by name: ``Initial(u=lambda u0: u0)`` gets its values at the points, an equation
    gets a field with derivatives, ``pl.diff(k * u.x, "x")``. ``problem.sample(rng)`` draws a member, and
    ``problem.at(u0=...)`` takes a member or any function of the coordinates.

    The covariance is std^2 times a product of one kernel per coordinate. Along a coordinate that is periodic the squared
    exponential is exp(-2 sin^2(pi d / P) / l^2), P the period: there the length scale counts in units of P / (2 pi).
    Along others it is exp(-d^2 / (2 l^2)). Members are Fourier series with independent normal coefficients whose
    variances are the kernel's Fourier coefficients, so values and derivatives are known exactly everywhere. Where the
    coordinate is not periodic, the series' period is the interval's length plus 8 length scales; the covariance then
    differs from the kernel's by less than 1e-13 std^2 (2e-5 for Matern's).

    Args:
        on: the coordinates.
        length_scale: one number, or {coordinate: number}; None takes 0.8 along periodic coordinates and a fifth of the
            interval along others.
        std: standard deviation at every point.
        mean: added to it.
        kernel: ``"squared_exponential"``, whose members are analytic, or ``"matern52"``, whose members have two
            derivatives (in the sense of the mean square; the 1e-8 of the variance in the highest modes is left out).
        periodic: which coordinates are periodic: True, False or names. None asks the problem: those with a ``Periodic``
            condition.
        centered: take the mean over a period away from each member; all its coordinates must be periodic.
        region: where it lives; a problem fills in its own.

    Raises:
        TypeError, ValueError: no coordinate, a length scale or deviation that is not positive, an unknown kernel or name.
    """

    on: tuple[str, ...]
    length_scale: float | Mapping[str, float] | None
    std: float
    mean: float
    kernel: str
    periodic: bool | tuple[str, ...] | None
    centered: bool
    region: Region | None = field(repr=False)

    def __init__(
        self,
        on: str | Sequence[str],
        length_scale: float | Mapping[str, float] | None = None,
        std: float = 1.0,
        mean: float = 0.0,
        kernel: str = "squared_exponential",
        periodic: bool | str | Sequence[str] | None = None,
        centered: bool = False,
        region: Region | None = None,
    ) -> None:
        names = (on,) if isinstance(on, str) else tuple(on)
        if not names or len(set(names)) != len(names) or not all(isinstance(n, str) for n in names):
            raise ValueError(f"RandomField(on={on!r}): name one or more coordinates, such as on='x' or on=('x', 'y').")
        scales = {} if length_scale is None else dict.fromkeys(names, length_scale)
        if isinstance(length_scale, Mapping):
            if set(length_scale) != set(names):
                raise ValueError(
                    f"RandomField(length_scale={length_scale!r}): give a number, or one for each of {names}."
                )
            scales = dict(length_scale)
        for name, value in {**{f"length_scale of {k}": v for k, v in scales.items()}, "std": std}.items():
            if not positive(value):
                raise ValueError(f"RandomField: {name} is {value!r}; give a positive number.")
        if finite(mean) is None:
            raise ValueError(f"RandomField(mean={mean!r}): give a finite number; add functions in the equations.")
        if kernel not in _TAIL:
            raise ValueError(f"RandomField(kernel={kernel!r}): choose one of {', '.join(map(repr, _TAIL))}.")
        wrapped = periodic
        if periodic is not None and not isinstance(periodic, bool):
            wrapped = (periodic,) if isinstance(periodic, str) else tuple(periodic)
            if not set(wrapped) <= set(names):
                raise ValueError(f"RandomField(periodic={periodic!r}): the coordinates are {', '.join(names)}.")
        vars(self).update(
            on=names, length_scale=length_scale, std=std, mean=mean, kernel=kernel, periodic=wrapped,
            centered=centered, region=region,
        )  # fmt: skip

    def over(self, region: Region, periodic: Sequence[str] = ()) -> RandomField:
        """This field on a region; ``periodic``: its periodic coordinates, for those who asked for the problem's.

        Raises:
            ValueError: the region lacks a coordinate.
        """
        for name in self.on:
            if name not in region.coordinates:
                raise ValueError(
                    f"{self!r}: {name!r} is no coordinate of {region!r}; its coordinates are "
                    f"{', '.join(region.coordinates)}."
                )
        known = tuple(n for n in self.on if n in periodic) if self.periodic is None else self.periodic
        return dataclasses.replace(self, periodic=known, region=region)

    def sample(self, rng: np.random.Generator) -> GaussianFunction:
        """A random member.

        Raises:
            ValueError: the field has no region yet, or its length scale is too small for the interval.
        """
        region = self._region()
        deviations, lower, periods = [], [], []
        for name in self.on:
            spectrum, period = self._spectrum(name)
            deviations.append(np.sqrt(np.concatenate([spectrum[:1], np.repeat(spectrum[1:], 2)])))
            lower.append(region.bounds[name][0])
            periods.append(period)
        scale = self.std * deviations[0]
        for more in deviations[1:]:
            scale = scale[..., None] * more
        coefficients = torch.from_numpy(scale * rng.standard_normal(scale.shape))
        if self.centered:
            coefficients[(0,) * len(self.on)] = 0.0
        columns = tuple(region.coordinates.index(name) for name in self.on)
        return GaussianFunction(self.on, columns, tuple(lower), tuple(periods), coefficients, float(self.mean))

    @property
    def representative(self) -> GaussianFunction:
        """One member, always the same."""
        return self.sample(np.random.default_rng(0))

    def admit(self, name: str, value: Any) -> FunctionParameter | float:
        """A value that a user gives for this parameter, checked: a member, a function of coordinates, or a number.

        Raises:
            TypeError: neither.
            ValueError: the function has other arguments.
        """
        return given_function(f"at({name}=...)", value, self._region(), self.on)

    def _is_periodic(self, name: str) -> bool:
        return self.periodic is True or (isinstance(self.periodic, tuple) and name in self.periodic)

    def _region(self) -> Region:
        if self.region is None:
            raise ValueError(
                f"{self!r} has no region yet: put it into Problem(parameters={{...}}) and use problem.sample(rng), or "
                "give it one with field.over(Box(...))."
            )
        return self.region

    def _spectrum(self, name: str) -> tuple[np.ndarray, float]:
        """Variances of the cosine modes along one coordinate, as many as matter, and the period."""
        low, high = self._region().bounds[name]
        periodic = self._is_periodic(name)
        if self.centered and not periodic:
            raise ValueError(f"{self!r}: centered=True needs periodic coordinates, and {name!r} is not periodic.")
        given = self.length_scale[name] if isinstance(self.length_scale, Mapping) else self.length_scale
        scale = given or (0.8 if periodic else (high - low) / 5)
        period = high - low + (0.0 if periodic else _MARGIN * scale)
        for most in _MODES:
            if periodic and self.kernel == "squared_exponential":
                spectrum = periodic_spectrum(scale, most)
            else:
                unit = (high - low) / (2 * math.pi) if periodic else 1.0
                spectrum = line_spectrum(self.kernel, scale * unit, period, most)
            left_out = np.cumsum(spectrum[::-1])[::-1]
            modes = int(np.argmax(left_out < _TAIL[self.kernel]))
            # far enough from the last one to know what the modes beyond it would add
            if 0 < modes <= most / 2:
                return spectrum[:modes], period
        raise ValueError(
            f"{self!r}: the length scale {scale:g} along {name!r} is too small for an interval of length "
            f"{high - low:g}; more than {_MODES[-1] // 2} Fourier modes would be needed."
        )
