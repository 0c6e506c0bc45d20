"""What a convex set is given by: rows, bounds and cones, checked, with values that may differ from sample to sample.

Letters: n entries of a vector, p equalities, q inequalities, k rows of a cone; "..." is any batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.networks.constraints.projections import Equalities, InfeasibleError, in_sample, reach

PER_SAMPLE = ("b", "lower", "upper", "h")
"""What a call may give in place of the constructor."""
_REACH = 1e-12
"""Relative distance by which a row may lie beyond what the bounds allow before it counts as out of reach."""


@dataclass(frozen=True, eq=False)
class Cone:
    """The second-order cone ||C u + d|| <= e.

    Args:
        C: (k, n), or None for the identity.
        d: (k,), or a number.
        e: the radius, at least 0.

    Raises:
        ValueError: a negative radius, NaN, or a C that is no matrix.
    """

    C: Any = None
    d: Any = 0.0
    e: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.e, int | float) and math.isfinite(self.e) and self.e >= 0):
            raise ValueError(f"Cone(e={self.e!r}): a radius is a number of at least 0.")
        object.__setattr__(self, "C", None if self.C is None else _real("Cone(C=...)", self.C))
        object.__setattr__(self, "d", _real("Cone(d=...)", self.d))
        if self.C is not None and self.C.dim() != 2:
            raise ValueError(f"Cone(C=...): shape {tuple(self.C.shape)}; it must be (k, n).")
        rows = None if self.C is None else len(self.C)
        if self.d.dim() > 1 or (self.d.dim() == 1 and rows not in (None, len(self.d))):
            raise ValueError(
                f"Cone(d=...): shape {tuple(self.d.shape)}; it must be ({'n' if rows is None else rows},)."
            )
        for name in ("C", "d"):
            value = getattr(self, name)
            if value is not None and not bool(torch.isfinite(value).all()):
                raise ValueError(f"Cone({name}=...): holds NaN or infinite numbers.")

    def linear(self, u: Tensor) -> Tensor:
        """C u, (..., k)."""
        return u if self.C is None else u @ self.C.to(u.device).T

    def offset(self, n: int) -> Tensor:
        """d, (k,)."""
        return self.d.expand(n if self.C is None else len(self.C))


@dataclass(frozen=True, eq=False)
class ConvexSet:
    """{u: A u = b, lower <= u <= upper, G u <= h, cones}; see ``ConvexProjection`` for the arguments and errors.

    Attributes:
        given: what the constructor was given, in float64.
        cones: as given.
        n: the number of entries, None if nothing given says it.
    """

    given: Mapping[str, Tensor]
    cones: tuple[Cone, ...] = ()
    n: int | None = field(init=False)
    _equalities: Equalities | None = field(init=False)

    @classmethod
    def of(cls, cones: Cone | Sequence[Cone], **given: Any) -> ConvexSet:
        """The set from arguments as typed, None for what is absent."""
        tensors = {name: _real(name, value) for name, value in given.items() if value is not None}
        for name in tensors.keys() & {"A", "G"}:
            tensors[name] = _rows(name, tensors[name])
        return cls(tensors, (cones,) if isinstance(cones, Cone) else tuple(cones))

    def __post_init__(self) -> None:
        if not (self.given.keys() & {"A", "lower", "upper", "G"} or self.cones):
            raise ValueError("ConvexProjection(): no constraint given; pass A and b, lower, upper, G and h, or cones.")
        for cone in self.cones:
            if not isinstance(cone, Cone):
                raise TypeError(f"cones: got a {type(cone).__name__}; use pl.constraints.Cone(C=..., d=..., e=...).")
        weights = self.given.get("weights")
        if weights is not None and not bool((torch.isfinite(weights) & (weights > 0)).all()):
            raise ValueError(
                "weights: must be positive and finite, such as those of a quadrature; they weigh distances."
            )
        object.__setattr__(self, "n", _common_size(self.given, self.cones))
        equalities = None
        if "A" in self.given:
            equalities = Equalities.of(self.given["A"], self.metric(self.given["A"][0]))
        object.__setattr__(self, "_equalities", equalities)
        self.values(torch.zeros(self.n or 1, dtype=torch.float64), {})

    @property
    def needs_solver(self) -> bool:
        """Whether the closest point has neither a closed form nor a batched iteration."""
        return "G" in self.given or bool(self.cones)

    def metric(self, like: Tensor) -> Tensor:
        """Inverse weights, (n,)."""
        weights = self.given.get("weights")
        return torch.ones_like(like) if weights is None else 1 / weights.to(like.device).expand_as(like)

    def equalities(self, device: torch.device) -> Equalities | None:
        """A u = b in orthonormal rows."""
        return None if self._equalities is None else self._equalities.to(device)

    def values(self, x: Tensor, given: Mapping[str, Any], *, complete: bool = False) -> dict[str, Tensor]:
        """b, h and both bounds (or none) in float64, what the call gives before what the constructor did.

        Args:
            x: (..., n), float64.
            given: by name, None for what is absent.
            complete: whether right-hand sides must be there.

        Returns:
            Each (size,), or (..., size) if it differs between samples.

        Raises:
            ValueError: shapes, NaN, something missing; InfeasibleError for what can be told without solving anything:
                crossed bounds, contradicting rows, a row that is out of reach within the bounds.
        """
        data: dict[str, Tensor] = {}
        for name, rows in zip(PER_SAMPLE, ("A", None, None, "G"), strict=True):
            value = given.get(name)
            value = self.given.get(name) if value is None else _real(name, value)
            if rows is not None and rows not in self.given:
                if value is not None:
                    raise ValueError(f"{name}: given, but there is no {rows} that it could belong to.")
            elif value is not None:
                size = x.shape[-1] if rows is None else len(self.given[rows])
                data[name] = _fitted(name, value.to(x.device), tuple(x.shape[:-1]), size, rows is not None)
                if rows is not None and not bool(torch.isfinite(data[name].detach()).all()):
                    raise ValueError(f"{name}: holds NaN or infinite numbers.")
            elif rows is not None and complete:
                raise ValueError(
                    f"{name}: {rows} came without it; pass ConvexProjection({name}=...), or {name}=... in the call."
                )
        if data.keys() & {"lower", "upper"}:
            data = {**data, **_bounds(data, x)}
        equalities = self.equalities(x.device)
        if equalities is not None and "b" in data:
            equalities.reduced(data["b"].detach())
            if "lower" in data:
                _check_reach(equalities, *(data[name].detach() for name in ("b", "lower", "upper")))
        return data

    def violation(self, u: Tensor, data: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The largest relative violation by kind of constraint, (...) each, of u (..., n) with what ``values`` returned."""
        tiny = torch.finfo(u.dtype).tiny
        found = {}
        equalities = self.equalities(u.device)
        if equalities is not None:
            found["A u = b"] = equalities.violation(u, data["b"]).amax(-1)
        if "lower" in data:
            size = u.abs().amax(-1, keepdim=True).clamp_min(tiny)
            found["lower"] = ((data["lower"] - u) / size).clamp_min(0).amax(-1)
            found["upper"] = ((u - data["upper"]) / size).clamp_min(0).amax(-1)
        if "G" in self.given:
            rows = self.given["G"].to(u.device)
            size = (u.abs() @ rows.abs().T + data["h"].abs()).clamp_min(tiny)
            found["G u <= h"] = ((u @ rows.T - data["h"]) / size).clamp_min(0).amax(-1)
        for number, cone in enumerate(self.cones):
            linear, offset = cone.linear(u), cone.offset(u.shape[-1]).to(u.device)
            size = (linear.norm(dim=-1) + offset.norm() + cone.e).clamp_min(tiny)
            found[f"cones[{number}]"] = (((linear + offset).norm(dim=-1) - cone.e) / size).clamp_min(0)
        return found


def _real(name: str, value: Any) -> Tensor:
    """In float64, with its graph. Numbers do not pass through torch's default dtype, which would round them to float32."""
    try:
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value).copy())
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name}: takes numbers, an array or a tensor, got a {type(value).__name__}.") from error
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name}: takes real numbers, got {tensor.dtype}.")
    return tensor.to(torch.float64)


def _rows(name: str, value: Tensor) -> Tensor:
    rows = value[None] if value.dim() == 1 else value
    if rows.dim() != 2 or not rows.numel():
        raise ValueError(f"{name}: shape {tuple(value.shape)}; it must be (rows, n), with one row at least.")
    if not bool(torch.isfinite(rows).all()):
        raise ValueError(f"{name}: holds NaN or infinite numbers.")
    return rows.detach()


def _common_size(given: Mapping[str, Tensor], cones: Sequence[Cone]) -> int | None:
    """n, from everything that says it."""
    sizes = {name: given[name].shape[-1] for name in ("A", "G", "weights") if name in given and given[name].dim()}
    sizes |= {name: len(given[name]) for name in ("lower", "upper") if name in given and given[name].dim() == 1}
    for number, cone in enumerate(cones):
        if cone.C is not None or cone.d.dim():
            sizes[f"cones[{number}]"] = len(cone.d) if cone.C is None else cone.C.shape[1]
    sizes = {name: size for name, size in sizes.items() if not (name in ("lower", "upper", "weights") and size == 1)}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise ValueError(f"ConvexProjection(): vectors of different lengths ({listed}); all must be about one n.")
    return next(iter(sizes.values()), None)


def _fitted(name: str, value: Tensor, batch: tuple[int, ...], size: int, rows: bool) -> Tensor:
    """(size,) or (..., size)."""
    if rows and size == 1 and batch and tuple(value.shape) == batch:
        value = value[..., None]
    wanted = (size,) if value.dim() < 2 else (*batch, size)
    try:
        return value.expand(wanted)
    except RuntimeError as error:
        each = f", or {(*batch, size)} for samples that differ" if batch else ""
        raise ValueError(f"{name}: shape {tuple(value.shape)}; it must be a number, ({size},){each}.") from error


def _bounds(data: Mapping[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    bounds = {}
    for name, none in (("lower", -math.inf), ("upper", math.inf)):
        bounds[name] = data.get(name, torch.full((x.shape[-1],), none, dtype=x.dtype, device=x.device))
        if bool((bounds[name].isnan() | (bounds[name] == -none)).any()):
            raise ValueError(f"{name}: holds NaN or {-none}; use {none} for entries without a bound.")
    crossed = bounds["lower"].detach() > bounds["upper"].detach()
    if bool(crossed.any()):
        *sample, entry = (int(i) for i in crossed.nonzero()[0])
        raise InfeasibleError(
            f"lower{in_sample(sample)}: lies above upper at entry {entry}, so that nothing is between them; exchange or "
            "widen them."
        )
    return bounds


def _check_reach(equalities: Equalities, b: Tensor, lower: Tensor, upper: Tensor) -> None:
    least, most = reach(equalities.matrix, lower, upper)
    asked = b / equalities.lengths
    slack = _REACH * (asked.abs() + torch.nan_to_num(least, 0, 0, 0).abs() + torch.nan_to_num(most, 0, 0, 0).abs())
    out = (asked < least - slack) | (asked > most + slack)
    if bool(out.any()):
        *sample, row = (int(i) for i in out.nonzero()[0])
        length = float(equalities.lengths[row])
        low, high, value = (float(t.expand_as(out)[*sample, row]) * length for t in (least, most, asked))
        raise InfeasibleError(
            f"A u = b{in_sample(sample)}: row {row} cannot be met: b asks for {value:.6g}, and within the bounds the row "
            f"takes values from {low:.6g} to {high:.6g} only. Change b or widen the bounds."
        )
