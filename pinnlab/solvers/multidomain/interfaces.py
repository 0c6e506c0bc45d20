"""Interface conditions: what should hold where two subdomains meet. They are the arms of the interface bandit.

Letters: n points.

Every condition is a pure function of the two sides' fields and the face between them. It returns one residual or several,
which vanish where the condition holds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.discontinuities.one_sided import OneSided, beside, hair
from pinnlab.declaration.discontinuities.transmission import Transmission
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.complex_fields import real_parts
from pinnlab.derivatives.fields import Field, Key, as_value
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains import Region, Site
from pinnlab.solvers.continuity import continuous_derivatives
from pinnlab.solvers.multidomain.partition import Interface

Residuals = Field | Tensor | Sequence[Field | Tensor]


@dataclass(frozen=True)
class Face:
    """What an interface condition may know of the interface.

    Attributes:
        normal: the coordinate that is constant on it; it points from the first side to the second.
        points: {coordinate: (n,)}, those of the first side.
        width: half the mean extent of the two cells along the normal.
        order: highest derivative of the unknown by ``normal`` in the equations, at least 1.
    """

    normal: str
    points: Mapping[str, Tensor]
    width: float = 1.0
    order: int = 1

    @property
    def tangents(self) -> tuple[str, ...]:
        """The other coordinates."""
        return tuple(name for name in self.points if name != self.normal)


def value(first: Any, second: Any) -> Residuals:
    """u1 - u2: the solution is continuous."""
    return first - second


def average(first: Any, second: Any) -> Residuals:
    """u1 - m and u2 - m with m = (u1 + u2) / 2: both sides meet their average (XPINN)."""
    middle = 0.5 * (first + second)
    return first - middle, second - middle


def residual(first: Any, second: Any) -> Residuals:
    """r1 and r2: the equation holds on the interface too."""
    return first, second


def residual_jump(first: Any, second: Any) -> Residuals:
    """r1 - r2: the equation's residual is continuous (XPINN)."""
    return first - second


def normal(first: Any, second: Any, face: Face) -> Residuals:
    """u1_n - u2_n: the normal derivative is continuous."""
    return first.d(face.normal) - second.d(face.normal)


def normal_2(first: Any, second: Any, face: Face) -> Residuals:
    """u1_nn - u2_nn: the second normal derivative is continuous."""
    return first.d(face.normal, face.normal) - second.d(face.normal, face.normal)


def residual_gradient(first: Any, second: Any) -> Residuals:
    """All first derivatives of r1 and of r2 (gPINN)."""
    return [side.d(name) for side in (first, second) for name in side.coordinates]


def tangential(first: Any, second: Any, face: Face) -> Residuals:
    """u1_s - u2_s for every coordinate s of the interface."""
    return [first.d(name) - second.d(name) for name in face.tangents]


def tangential_2(first: Any, second: Any, face: Face) -> Residuals:
    """u1_ss - u2_ss for every coordinate s of the interface."""
    return [first.d(name, name) - second.d(name, name) for name in face.tangents]


def matching(first: Any, second: Any, face: Face) -> Residuals:
    """Value and normal derivatives below the equation's order, the j-th times width^j: what couples subdomains exactly."""
    matched = continuous_derivatives(face.normal, face.order, face.width)
    return [factor * (first.d(*key) - second.d(*key)) for key, factor in matched]


def flux(first: Any, second: Any) -> Residuals:
    """q1 - q2: the flux through the interface is continuous (cPINN)."""
    return first - second


@dataclass(frozen=True)
class InterfaceCondition:
    """A condition with what it is about.

    Attributes:
        name: what users type.
        function: ``f(first, second)`` or ``f(first, second, face)``.
        about: ``"unknown"`` (called for every unknown), ``"residual"`` (for every equation's residual) or ``"flux"``.
    """

    name: str
    function: Callable[..., Residuals]
    about: str = "unknown"

    def __call__(self, first: Field, second: Field, face: Face) -> list[Tensor]:
        """The residuals, (n,) each."""
        given = (first, second, face)[: len(inspect.signature(self.function).parameters)]
        found = self.function(*given)
        several = list(found) if isinstance(found, list | tuple) else [found]
        return [as_value(r) for r in several]


_ABOUT_RESIDUALS = (residual, residual_jump, residual_gradient)
_ALL = (value, average, residual, residual_jump, flux, normal_2, residual_gradient, tangential, tangential_2)
_MORE = (normal, matching)

CONDITIONS: dict[str, InterfaceCondition] = {
    f.__name__: InterfaceCondition(
        f.__name__, f, "residual" if f in _ABOUT_RESIDUALS else "flux" if f is flux else "unknown"
    )
    for f in (*_ALL, *_MORE)
}
"""All conditions by name."""

_BY_FUNCTION = frozenset(condition.function for condition in CONDITIONS.values())
_flux = flux

ARMS: tuple[str, ...] = tuple(f.__name__ for f in _ALL)
"""The nine switches of METALIC (arXiv 2210.12669; its code's order). Without a flux function ``flux`` is ``normal``."""

LITERATURE: dict[str, tuple[str, ...]] = {
    "XPINN": ("average", "residual_jump"),
    "cPINN": ("average", "flux"),
    "gPINN": ("value", "residual_gradient"),
    "continuity": ("value",),
    "smooth": ("value", "normal"),
    "all on": ARMS,
}
"""Fixed sets of conditions in use: XPINN (Jagtap & Karniadakis 2020), cPINN (Jagtap, Kharazmi & Karniadakis 2020)."""


def joins_fluxes(
    given: Any, flux: Callable[..., Any] | None, order: int, transmission: Transmission | None = None
) -> bool:
    """Whether conditions join fluxes where coefficients jump, and none of them makes continuous what jumps there too.

    Args:
        given: the conditions, as ``resolve`` takes them. Those of the user's own are believed to know.
        flux: the flux function of the user.
        order: of the equations along the normal. Of first-order equations the unknown itself jumps.
        transmission: what is continuous, where the equations say it: ``matching`` joins it all, ``flux`` its fluxes.
    """
    functions = [condition.function for condition, _ in resolve(given)]
    smooth = (normal, normal_2) if order > 1 else (value, average, normal, normal_2)
    if any(function in smooth for function in functions) or (transmission is None and matching in functions):
        return False
    if any(function not in _BY_FUNCTION for function in functions):
        return True
    if flux is not None and _flux in functions:
        return transmission is None or not transmission.prescribed
    if transmission is None:
        return False
    plain = not any(key for _, key in transmission.values)
    values = value in functions or average in functions or not transmission.values
    return matching in functions or (_flux in functions and plain and values)


def resolve(given: Any, owner: str = "interface") -> tuple[tuple[InterfaceCondition, float], ...]:
    """Conditions and weights from what a user may write.

    Args:
        given: a name, a function, an ``InterfaceCondition``, a sequence of these, or {one of these: weight}.
        owner: how error messages call the argument.

    Raises:
        TypeError, ValueError: none of these; an unknown name; a weight that is not positive; a name that stands twice.
    """
    if isinstance(given, str | InterfaceCondition) or callable(given):
        given = (given,)
    weighted = given.items() if isinstance(given, Mapping) else ((item, 1.0) for item in given)
    found = []
    for item, weight in weighted:
        if not (isinstance(weight, int | float) and 0 < weight < float("inf")):
            raise ValueError(
                f"{owner}: the weight {weight!r} of {item!r} must be a positive number; leave out what is off."
            )
        found.append((_condition(item, owner), float(weight)))
    names = [condition.name for condition, _ in found]
    if len(set(names)) != len(names):
        raise ValueError(f"{owner}={names}: a condition stands twice.")
    return tuple(found)


def _condition(item: Any, owner: str) -> InterfaceCondition:
    if isinstance(item, InterfaceCondition):
        return item
    if isinstance(item, str):
        if item not in CONDITIONS:
            raise ValueError(f"{owner}={item!r}: no such interface condition; choose from {', '.join(CONDITIONS)}.")
        return CONDITIONS[item]
    if callable(item):
        return InterfaceCondition(getattr(item, "__name__", "condition"), item)
    raise TypeError(
        f"{owner}={item!r}: give names such as ('value', 'flux'), or functions f(first, second, face) of the two sides' "
        "fields."
    )


def interface_terms(
    problem: Problem,
    interface: Interface,
    conditions: Sequence[tuple[InterfaceCondition, float]],
    flux: Callable[..., Any] | None,
    label: str,
) -> list[Term]:
    """One term per condition, on the points of one interface; each has two sites, one per side.

    Args:
        problem: the equations.
        interface: where.
        conditions: with their weights.
        flux: the flux function of the user, bound by name to unknowns, coordinates and parameters.
        label: names the interface in the residuals' names.
    """
    bounds = problem.domain.bounds[interface.normal]
    transmission = problem.joints.at(interface.normal, interface.below.bounds[interface.normal][1])

    def draw(unit: Callable[[int], Tensor], n: int) -> tuple:
        sites = interface.sites(unit(n))
        # data that are built into the fields have kinks where materials meet, and there each side's own slopes
        return sites if transmission is None else _inside(sites, interface.normal, problem.domain)

    def term(condition: InterfaceCondition, weight: float) -> Term:
        def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
            below, above = _one_sided(scopes, interface.normal, bounds)
            if transmission is not None and (part := _by_equations(condition, transmission, flux)) is not None:
                rows = _transmitted(transmission, scopes, (below, above), interface.width)[part]
                return {f"{condition.name} {label} {i}": row for i, row in enumerate(rows)}
            # each side takes its own coefficients; fields stay what they are on the interface
            scopes = replace(scopes[0], coordinates=below.near), replace(scopes[1], coordinates=above.near)
            found = {}
            for name, first, second, order in _pairs(problem, scopes, condition, flux, interface.normal):
                face = Face(interface.normal, scopes[0].coordinates, interface.width, order)
                for i, r in enumerate(condition(first, second, face)):
                    found[f"{condition.name} {name} {label}" + (f" {i}" if i else "")] = r
            return found

        return Term("interface", (), draw, evaluate, weight)

    return [term(condition, weight) for condition, weight in conditions]


def _one_sided(scopes: tuple[Scope, ...], normal: str, bounds: tuple[float, float]) -> tuple[OneSided, OneSided]:
    """The points of an interface as the sides below and above see them; ``bounds`` are those of the whole domain."""
    below, above = scopes
    return beside(below.coordinates, normal, -1, bounds), beside(above.coordinates, normal, 1, bounds)


def _derivative(field: Field, key: Key) -> Tensor:
    return field.d(*key).value


def _inside(sites: tuple[Site, Site], normal: str, region: Region) -> tuple[Site, Site]:
    """The points of two sides moved a tiny step inside each."""
    i, moved = region.coordinates.index(normal), []
    for site, sign in zip(sites, (-1, 1), strict=True):
        points = site.points.clone()
        points[:, i] += sign * hair(region.bounds[normal], points.dtype)
        moved.append(Site(points, site.normals))
    return moved[0], moved[1]


def _by_equations(
    condition: InterfaceCondition, transmission: Transmission, flux: Callable[..., Any] | None
) -> slice | None:
    """Which of what the equations make continuous a condition joins; None where it is what it is elsewhere."""
    if condition.function is matching:
        return slice(None)
    if condition.function is _flux and flux is None:
        return slice(len(transmission.values), None)
    if condition.function in (value, average) and transmission.prescribed:
        return slice(len(transmission.values))
    return None


def _transmitted(
    transmission: Transmission, scopes: tuple[Scope, ...], points: tuple[OneSided, OneSided], width: float
) -> list[Tensor]:
    """Jumps (n,) of what the equations make continuous, in sizes of the unknowns."""
    below, above = (
        ({u: LazyJet(partial(_derivative, field)) for u, field in scope.fields.items()}, side)
        for scope, side in zip(scopes, points, strict=True)
    )
    jumps = transmission.mismatch(below, above)
    return [factor * jump for factor, jump in zip(transmission.factors(width), jumps, strict=True)]


def _pairs(
    problem: Problem, scopes: tuple[Scope, ...], condition: InterfaceCondition, flux: Callable | None, normal: str
) -> list[tuple[str, Field, Field, int]]:
    """(name, first side, second side, order) of everything a condition is about."""
    if condition.about == "residual":
        below, above = (problem.residual_fields(scope) for scope in scopes)
        return [(name, below[name], above[name], 1) for name in below]
    if condition.about == "flux":
        below, above = (_fluxes(problem, scope, flux, normal) for scope in scopes)
        return [(name, below[name], above[name], 1) for name in below]
    below, above = (dict(scope.fields) for scope in scopes)
    return [(u, below[u], above[u], max(1, problem.order_of(u, normal))) for u in problem.unknowns]


def _fluxes(problem: Problem, scope: Scope, flux: Callable | None, normal: str) -> dict[str, Field]:
    """The fluxes along the normal; without a flux function, the normal derivatives."""
    if flux is None:
        return {u: scope.fields[u].d(normal) for u in problem.unknowns}
    available = (*problem.unknowns, *problem.domain.coordinates, *problem.parameters)
    found = scope.call(flux, argument_names(flux, available, "flux"))
    if isinstance(found, Mapping):
        if normal not in found:
            raise ValueError(
                f"flux returned components for {', '.join(found)}, but an interface is crossed along {normal!r}; return "
                f"{{'{normal}': ..., ...}}."
            )
        found = found[normal]
    return real_parts({"flux": found})
