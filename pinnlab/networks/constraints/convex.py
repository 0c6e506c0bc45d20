"""Convex sets as layers: a vector in, its closest point of the set out.

Letters: n entries of a vector, p equalities, q inequalities; "..." is any batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnlab.networks.constraints.layers import ConvexLayer, solver_settings
from pinnlab.networks.constraints.projections import (
    Equalities,
    InfeasibleError,
    StalledError,
    in_sample,
    position,
    project_affine,
    project_affine_box,
    project_box,
    unreachable_row,
)
from pinnlab.networks.constraints.sets import PER_SAMPLE, Cone, ConvexSet

_ACCEPTED = 1e-8
"""Largest relative violation with which a solver's answer is handed on."""


class ConvexProjection(nn.Module):
    """The closest point of {u: A u = b, lower <= u <= upper, G u <= h, ||C u + d|| <= e}, differentiable and batched.

    Minimizes sum_i weights_i (u_i - v_i)^2. What is given decides how:

    - equalities only: closed form, from an orthonormal basis of the rows that is computed once;
    - bounds only: a clamp;
    - equalities and bounds: a semismooth Newton iteration for the whole batch; bounds are met exactly;
    - ``G`` or ``cones`` as well: an interior-point solver behind cvxpylayers, sample by sample on the CPU
      (``pip install 'pinnlab[convex]'``).

    Derivatives are exact; of any order in the first three, of first order in the last. All computing is in float64, and the
    result has the dtype of the input: float32 rounds what was exact. The module has no parameters and no state, and moving
    it to a device or a dtype changes nothing: it computes where its input is.

    Args:
        A: (p, n) rows of equalities, such as the weights of a quadrature that sums up the mass; (n,) for one row.
        b: (p,), or a number; may be left to the call.
        lower: (n,), or a number; -inf where there is none. 0 means positivity.
        upper: (n,), or a number; inf where there is none.
        G: (q, n) rows of inequalities; (n,) for one row.
        h: (q,), or a number; may be left to the call.
        cones: a ``Cone``, or several.
        weights: (n,) positive weights of the distance, such as those of a quadrature; equal ones if None.
        solver: ``"clarabel"`` or ``"scs"``, for sets with ``G`` or ``cones``.
        tolerance: of that solver, relative to the size of a sample's data; None is 1e-12 for Clarabel, 1e-7 for SCS.

    Raises:
        ValueError: shapes or values that cannot work; in a call, NaN in the input, with the sample.
        InfeasibleError: (a ValueError) nothing satisfies the constraints; names one that cannot be met, and the sample.
        RuntimeError: in a call, an iteration or a solver that did not reach its tolerance.

    Equality rows hold to 1e-10 relative to ``|A| |u| + |b|``, bounds exactly, inequalities and cones to 1e-8 relative to the
    numbers in them. An answer that misses this is refused.
    """

    def __init__(
        self,
        *,
        A: Any = None,
        b: Any = None,
        lower: Any = None,
        upper: Any = None,
        G: Any = None,
        h: Any = None,
        cones: Cone | Sequence[Cone] = (),
        weights: Any = None,
        solver: str = "clarabel",
        tolerance: float | None = None,
    ):
        super().__init__()
        solver_settings(solver, tolerance)
        self._set = ConvexSet.of(cones, A=A, b=b, lower=lower, upper=upper, G=G, h=h, weights=weights)
        self._solver, self._tolerance = solver, tolerance
        self._built: tuple[Any, ConvexLayer] | None = None

    def forward(self, v: Tensor, *, b: Any = None, lower: Any = None, upper: Any = None, h: Any = None) -> Tensor:
        """The closest points, (..., n) from (..., n).

        Args:
            v: real numbers, on any device.
            b: (..., p), in place of the constructor's; for a single row also (...), such as one mass per sample.
            lower: (..., n), in place of the constructor's.
            upper: (..., n), in place of the constructor's.
            h: (..., q), in place of the constructor's.
        """
        self._check_input(v)
        x = v.to(torch.float64)
        data = self._set.values(x, {"b": b, "lower": lower, "upper": upper, "h": h}, complete=True)
        equalities = self._set.equalities(x.device)
        if not x.numel():
            u = x
        elif self._set.needs_solver:
            u = self._by_solver(x, equalities, data)
        elif equalities is None:
            u = project_box(x, data["lower"], data["upper"])
        elif "lower" in data:
            u = _by_newton(x, equalities, data)
        else:
            u = project_affine(x, equalities, equalities.reduced(data["b"]))
        return u.to(v.dtype)

    def violation(self, u: Tensor, **given: Any) -> dict[str, Tensor]:
        """How far u (..., n) is outside, by kind of constraint: (...), the largest relative violation.

        Args:
            u: real numbers.
            given: b, lower, upper, h as in a call.
        """
        unknown = sorted(given.keys() - set(PER_SAMPLE))
        if unknown:
            raise TypeError(f"{unknown[0]}: a call may give {', '.join(PER_SAMPLE)}.")
        x = u.detach().to(torch.float64)
        return self._set.violation(x, self._set.values(x, given, complete=True))

    def __getstate__(self) -> dict[str, Any]:
        """Without the program, which cannot be copied and is built again when needed."""
        return {**self.__dict__, "_built": None}

    def extra_repr(self) -> str:
        """What is constrained."""
        parts = [f"{name}: {tuple(value.shape)}" for name, value in self._set.given.items()]
        return ", ".join([*parts, *(f"cones: {len(self._set.cones)}" for _ in self._set.cones[:1])])

    def _check_input(self, v: Tensor) -> None:
        if not isinstance(v, Tensor) or not v.is_floating_point():
            described = f"a tensor of {v.dtype}" if isinstance(v, Tensor) else f"a {type(v).__name__}"
            raise TypeError(f"v: ConvexProjection takes a tensor of real numbers, got {described}.")
        n = self._set.n
        if v.dim() < 1 or n not in (None, v.shape[-1]):
            raise ValueError(f"v: shape {tuple(v.shape)}; the constraints are about vectors (..., {n or 'n'}).")
        finite = torch.isfinite(v.detach())
        if not bool(finite.all()):
            *sample, entry = (int(i) for i in (~finite).nonzero()[0])
            raise ValueError(
                f"v{in_sample(sample)}: entry {entry} is {float(v[*sample, entry])}; look at what computed it, such as a "
                "network whose training diverged."
            )

    def _by_solver(self, x: Tensor, equalities: Equalities | None, data: Mapping[str, Tensor]) -> Tensor:
        # the solver's tolerances are absolute in part, so every sample is brought to size one; the set scales along
        size = self._sizes(x, equalities, data)
        weights = 1 / self._set.metric(x)
        values = {"v": x * (weights / weights.amax()) / size}
        if equalities is not None:
            full = len(equalities.rows) == len(equalities.matrix)
            values["b"] = (data["b"] / equalities.lengths if full else equalities.reduced(data["b"])) / size
        bounded = {name: _bounded(name, data[name]) for name in ("lower", "upper") if name in data}
        for name, entries in bounded.items():
            values[name] = (data[name].expand_as(x) / size)[..., entries]
        if "G" in self._set.given:
            values["h"] = data["h"] / size
        for number, cone in enumerate(self._set.cones):
            values[f"d{number}"] = cone.offset(x.shape[-1]).to(x.device) / size
            values[f"e{number}"] = cone.e / size[..., 0]
        key = (x.shape[-1], *(tuple(entries.tolist()) for entries in bounded.values()))
        if self._built is None or self._built[0] != key:
            self._built = (key, self._program(x.shape[-1], equalities, bounded))
        layer = self._built[1]
        (u,) = layer({name: value for name, value in values.items() if value.shape[-1:] != (0,)})
        u = u * size
        fixed = u.detach()
        if equalities is not None:
            fixed = project_affine(fixed, equalities, equalities.reduced(data["b"].detach()))
        if "lower" in data:
            fixed = project_box(fixed, data["lower"].detach(), data["upper"].detach())
        for name, amount in self._set.violation(fixed, data).items():
            if bool((amount > _ACCEPTED).any()):
                *sample, _ = (int(i) for i in (amount[..., None] > _ACCEPTED).nonzero()[0])
                raise RuntimeError(
                    f"{name}{in_sample(sample)}: violated by {float(amount.amax()):.1e} in the solver's answer; lower the "
                    "tolerance, or use solver='clarabel'."
                )
        return u + (fixed - u).detach()

    def _sizes(self, x: Tensor, equalities: Equalities | None, data: Mapping[str, Tensor]) -> Tensor:
        """How large v is and how large the constraints force the answer to be, (..., 1), positive."""
        forced = [x.detach().abs()]
        if equalities is not None:
            forced.append(equalities.reduced(data["b"].detach()).abs() * equalities.metric.amax().sqrt())
        if "lower" in data:
            forced.append(torch.nan_to_num(data["lower"].detach(), neginf=0.0).clamp_min(0))
            forced.append(torch.nan_to_num(-data["upper"].detach(), neginf=0.0).clamp_min(0))
        if "G" in self._set.given:
            forced.append(
                (-data["h"].detach() / self._set.given["G"].to(x.device).norm(dim=1).clamp_min(1e-300)).clamp_min(0)
            )
        for cone in self._set.cones:
            gain = 1.0 if cone.C is None else float(torch.linalg.matrix_norm(cone.C, 2)) or 1.0
            beyond = max(0.0, float(cone.offset(x.shape[-1]).norm()) - cone.e)
            forced.append(torch.full_like(x[..., :1], beyond / gain))
        size = torch.cat([f.amax(-1, keepdim=True).expand_as(x[..., :1]) for f in forced], -1).amax(-1, keepdim=True)
        return torch.where(size > 0, size, torch.ones_like(size))

    def _program(self, n: int, equalities: Equalities | None, bounded: Mapping[str, Tensor]) -> ConvexLayer:
        """The problem min 1/2 u^T W u - v^T W u over the set, for data of size one."""
        try:
            import cvxpy as cp
            import scipy.sparse as sp
        except ImportError as error:
            raise ImportError(
                f"ConvexProjection with G or cones needs cvxpylayers, and importing it failed ({error}): "
                "pip install 'pinnlab[convex]'."
            ) from error
        weights = 1 / self._set.metric(torch.zeros(n, dtype=torch.float64))
        u, v = cp.Variable(n, name="u"), cp.Parameter(n, name="v")
        square = cp.quad_form(u, sp.diags_array((weights / weights.amax()).numpy(), format="csc"), assume_PSD=True)
        parameters, constraints = [v], []

        def parameter(name: str, *shape: int) -> Any:
            parameters.append(cp.Parameter(shape, name=name))
            return parameters[-1]

        def add(label: str, constraint: Any) -> None:
            constraint.label = label
            constraints.append(constraint)

        if equalities is not None:
            # rows as given, so that messages count them, unless some are redundant
            full = len(equalities.rows) == len(equalities.matrix)
            rows = (equalities.matrix if full else equalities.rows).cpu().numpy()
            add("A u = b", rows @ u == parameter("b", len(rows)))
        for name, entries in bounded.items():
            chosen = entries.nonzero()[:, 0].cpu().numpy()
            if len(chosen):
                bound = parameter(name, len(chosen))
                add(name, u[chosen] >= bound if name == "lower" else u[chosen] <= bound)
        if "G" in self._set.given:
            rows = self._set.given["G"].cpu().numpy()
            add("G u <= h", rows @ u <= parameter("h", len(rows)))
        for number, cone in enumerate(self._set.cones):
            offset = parameter(f"d{number}", len(cone.offset(n)))
            moved = (u if cone.C is None else cone.C.cpu().numpy() @ u) + offset
            add(f"cones[{number}]", cp.norm(moved) <= parameter(f"e{number}"))
        problem = cp.Problem(cp.Minimize(0.5 * square - v @ u), constraints)
        return ConvexLayer(problem, parameters, [u], solver=self._solver, tolerance=self._tolerance)


def _by_newton(x: Tensor, equalities: Equalities, data: Mapping[str, Tensor]) -> Tensor:
    batch, n = x.shape[:-1], x.shape[-1]
    values = (equalities.reduced(data["b"]), data["lower"], data["upper"])
    flat = [value.expand(*batch, -1).reshape(math.prod(batch), value.shape[-1]) for value in values]
    try:
        return project_affine_box(x.reshape(-1, n), equalities, *flat).reshape(x.shape)
    except StalledError as error:
        number = error.args[0][0]
        place = in_sample(position(number, batch))
        scaled = (data["b"].detach() / equalities.lengths).expand(*batch, -1).reshape(-1, len(equalities.lengths))
        row = unreachable_row(equalities.matrix, scaled[number], flat[1][number].detach(), flat[2][number].detach())
        if row is None:
            raise RuntimeError(
                f"ConvexProjection{place}: the Newton iteration did not converge; the set is nearly empty, or A is badly "
                "scaled. Loosen a bound, or bring entries to order one."
            ) from error
        raise InfeasibleError(
            f"A u = b{place}: row {row} cannot be met together with the other rows within the bounds. Change b or widen "
            "the bounds."
        ) from error


def _bounded(name: str, bound: Tensor) -> Tensor:
    """Which entries have a bound, (n,); the same for all samples."""
    finite = torch.isfinite(bound.detach()).reshape(-1, bound.shape[-1])
    mixed = finite.any(0) & ~finite.all(0)
    if bool(mixed.any()):
        raise ValueError(
            f"{name}: entry {int(mixed.nonzero()[0])} has a bound in some samples only; with G or cones an entry is "
            "bounded in all samples or in none. Give a number that is large for the data in place of infinity."
        )
    return finite.any(0)
