"""A user's own convex problem as a layer: parameters in, minimizers out, differentiable, through cvxpylayers.

Letters: "..." is any batch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.networks.constraints.projections import InfeasibleError, in_sample, position

_SIGNS = {
    "nonneg": lambda value: value >= 0,
    "pos": lambda value: value > 0,
    "nonpos": lambda value: value <= 0,
    "neg": lambda value: value < 0,
}
_REDUCED = 1e-8
"""Tolerance down to which an answer is accepted when rounding stops the solver."""
_MISS = 1e-7
"""Slack relative to the largest parameter from which a constraint counts as one that cannot be met."""


class ConvexLayer(nn.Module):
    """The minimizers of a cvxpy problem as functions of its parameters.

    Args:
        problem: a ``cvxpy.Problem`` that is convex, and whose parameters enter so that it can be differentiated (cvxpy calls
            this DPP).
        parameters: the problem's parameters, in the order in which a call gives their values.
        variables: the variables whose minimizers are returned, in this order.
        solver: ``"clarabel"`` (interior point, accurate) or ``"scs"`` (first order, for large problems and low accuracy).
        tolerance: on residuals and duality gap, absolute as well as relative, so bring data to order one. None is 1e-12
            for Clarabel, whose answers are accepted down to 1e-8 where rounding stops it, and 1e-7 for SCS.
        options: further settings of the solver by its own names, such as ``{"max_iter": 500}``.

    Raises:
        ImportError: cvxpylayers is not installed.
        ValueError: the problem is not convex, not DPP, has integers, or other parameters than those listed.

    A call takes one tensor per parameter, by position or as a dictionary by the parameters' names, each of shape
    ``(..., *parameter.shape)`` with batches that broadcast, and returns a tuple of tensors ``(..., *variable.shape)``. It
    raises ``InfeasibleError`` (a ValueError) that names a constraint and the sample if nothing satisfies the constraints,
    ValueError for NaN, for values against a parameter's declared sign and for unbounded problems, and RuntimeError if
    the solver stops short of its tolerance. Everything is computed in float64 on the CPU, sample by sample; the result has
    the dtype and device of the first parameter. First derivatives only, exact up to the solver's tolerance.

    Problems are taken to their conic form by cvxpy and cvxpylayers; the solver and the derivative are called with that
    form's quadratic objective, so that squared distances keep their digits.

    Source: Agrawal et al., Differentiable convex optimization layers (2019), arXiv 1910.12430.
    """

    def __init__(
        self,
        problem: Any,
        parameters: Sequence[Any],
        variables: Sequence[Any],
        *,
        solver: str = "clarabel",
        tolerance: float | None = None,
        options: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        try:
            from cvxpylayers.torch import CvxpyLayer

            from pinnlab.networks.constraints.conic import Conic
        except ImportError as error:
            raise ImportError(
                f"ConvexLayer needs cvxpylayers, and importing it failed ({error}): pip install 'pinnlab[convex]'."
            ) from error
        _check(problem, parameters, variables)
        settings = {**solver_settings(solver, tolerance), **dict(options or {})}
        self.problem, self.parameters_, self.variables = problem, tuple(parameters), tuple(variables)
        layer = CvxpyLayer(problem, list(parameters), list(variables), solver=Conic(solver, settings))
        self._solve = layer.forward  # not as a submodule, whose sparse buffers would go into state_dict

    def forward(self, *values: Tensor | Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Minimizers (..., *variable.shape), one tensor per variable."""
        from pinnlab.networks.constraints.conic import NotSolvedError

        tensors = self._ordered(values)
        batch = self._batch(tensors)
        flat = []
        for parameter, value in zip(self.parameters_, tensors, strict=True):
            _check_values(parameter, value)
            shaped = value.to("cpu", torch.float64).expand((*batch, *parameter.shape))
            flat.append(shaped.reshape(math.prod(batch), *parameter.shape))
        first = tensors[0]
        if not math.prod(batch):
            found = tuple(first.new_zeros(0, *variable.shape) for variable in self.variables)
        else:
            try:
                found = self._solve(*flat)
            except NotSolvedError as error:
                raise self._explained(error, batch, flat) from error
        return tuple(
            value.reshape((*batch, *variable.shape)).to(first.device, first.dtype)
            for value, variable in zip(found, self.variables, strict=True)
        )

    def _ordered(self, values: tuple[Tensor | Mapping[str, Tensor], ...]) -> list[Tensor]:
        names = [parameter.name() for parameter in self.parameters_]
        if len(values) == 1 and isinstance(values[0], Mapping):
            given = values[0]
            if set(given) != set(names):
                raise ValueError(f"ConvexLayer got values for {sorted(given)}; its parameters are {sorted(names)}.")
            tensors = [given[name] for name in names]
        else:
            tensors = list(values)
        if len(tensors) != len(names):
            raise ValueError(f"ConvexLayer got {len(tensors)} values; its parameters are {', '.join(names)}.")
        for name, value in zip(names, tensors, strict=True):
            if not (isinstance(value, Tensor) and value.is_floating_point()):
                raise TypeError(f"{name}: ConvexLayer takes tensors of real numbers, got {_described(value)}.")
        return tensors

    def _batch(self, tensors: Sequence[Tensor]) -> tuple[int, ...]:
        batches = []
        for parameter, value in zip(self.parameters_, tensors, strict=True):
            k = len(parameter.shape)
            if value.dim() < k or tuple(value.shape[value.dim() - k :]) != parameter.shape:
                wanted = ", ".join(["...", *map(str, parameter.shape)])
                raise ValueError(f"{parameter.name()}: shape {tuple(value.shape)}; it must be ({wanted}).")
            batches.append(value.shape[: value.dim() - k])
        try:
            return tuple(torch.broadcast_shapes(*batches))
        except RuntimeError as error:
            shapes = {p.name(): tuple(v.shape) for p, v in zip(self.parameters_, tensors, strict=True)}
            raise ValueError(f"ConvexLayer: the batches of {shapes} do not broadcast.") from error

    def _explained(self, error: Any, batch: tuple[int, ...], flat: Sequence[Tensor]) -> Exception:
        """What to raise for a sample that the solver did not solve."""
        place = in_sample(position(error.sample, batch))
        if "unbounded" in error.status:
            return ValueError(
                f"ConvexLayer{place}: the objective falls without end within the constraints; add bounds, or a "
                "quadratic term."
            )
        found = unmet_constraint(
            self.problem, dict(zip(self.parameters_, [f[error.sample] for f in flat], strict=True))
        )
        if found is not None:
            name, miss = found
            return InfeasibleError(
                f"{name}{place}: cannot be met together with the other constraints, at best it is missed by {miss:.2g} "
                "times the largest value given; change the values given for it, or loosen what it conflicts with."
            )
        return RuntimeError(
            f"ConvexLayer{place}: the solver stopped with status {error.status!r}; bring the data to order one, raise the "
            "tolerance, or try the other solver ('clarabel', 'scs')."
        )


def solver_settings(solver: str, tolerance: float | None) -> dict[str, Any]:
    """The tolerance in the solver's own words.

    Raises:
        ValueError: an unknown solver, or a tolerance out of range.
    """
    if tolerance is None:
        tolerance = 1e-7 if solver == "scs" else 1e-12
    if not (isinstance(tolerance, int | float) and 0 < tolerance < 1):
        raise ValueError(f"tolerance={tolerance!r}: must lie between 0 and 1, such as 1e-10.")
    if solver == "clarabel":
        names = ("gap_abs", "gap_rel", "feas")
        # strict infeasibility, too: badly scaled problems look infeasible on the way
        exact = {f"tol_{name}": tolerance for name in (*names, "infeas_abs", "infeas_rel")}
        return {**exact, **{f"reduced_tol_{name}": max(tolerance, _REDUCED) for name in names}}
    if solver == "scs":
        return {"eps_abs": tolerance, "eps_rel": tolerance}
    raise ValueError(f"solver={solver!r}: use 'clarabel' or 'scs'.")


def _described(value: Any) -> str:
    return f"a tensor of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _check(problem: Any, parameters: Sequence[Any], variables: Sequence[Any]) -> None:
    if not problem.is_dcp():
        raise ValueError(
            f"problem: cvxpy cannot tell that it is convex, because of {_culprit(problem, dpp=False)}; rewrite it with "
            "cvxpy's convex functions, such as cp.sum_squares(x) for x @ x, or look whether the sign is the wrong way round."
        )
    if not problem.is_dpp(quad_form_dpp="qp"):
        raise ValueError(
            f"problem: it is convex but cannot be differentiated by its parameters (not DPP), because of "
            f"{_culprit(problem, dpp=True)}; parameters may enter products with variables once and products with one "
            "another never: compute the product outside and pass it as a parameter of its own."
        )
    if problem.is_mixed_integer():
        raise ValueError("problem: integer and boolean variables have no derivatives; relax them to bounds.")
    needed, given = {p.id: p.name() for p in problem.parameters()}, {p.id: p.name() for p in parameters}
    if not given:
        raise ValueError("parameters: empty; a problem without parameters is a constant, solve it once with cvxpy.")
    if needed.keys() != given.keys() or len(given) < len(parameters):
        raise ValueError(
            f"parameters: got {sorted(given.values())}, each of {sorted(needed.values())} is needed exactly once."
        )
    own = {v.id for v in problem.variables()}
    foreign = [v.name() for v in variables if v.id not in own]
    if foreign or not variables:
        names = sorted(v.name() for v in problem.variables())
        raise ValueError(f"variables: {foreign or 'none given'}; the problem's variables are {names}.")


def _culprit(problem: Any, dpp: bool) -> str:
    """The smallest expression that breaks the rules, in cvxpy's notation."""
    for part in (problem.objective, *problem.constraints):
        if part.is_dcp(dpp=dpp):
            continue
        guilty, arguments = None, list(part.args)
        while arguments:
            broken = [x for x in arguments if not x.is_dcp(dpp=dpp)]
            if not broken:
                break
            guilty, arguments = broken[0], list(broken[0].args)
        return f"{guilty} in {part}" if guilty is not None else str(part)
    return str(problem.objective)


def _check_values(parameter: Any, value: Tensor) -> None:
    detached = value.detach()
    k = len(parameter.shape)
    if not bool(torch.isfinite(detached).all()):
        sample = tuple(int(i) for i in (~torch.isfinite(detached)).nonzero()[0])[: value.dim() - k]
        raise ValueError(f"{parameter.name()}{in_sample(sample)}: NaN or infinite; look at what computed it.")
    for attribute, holds in _SIGNS.items():
        if parameter.attributes.get(attribute) and not bool(holds(detached).all()):
            sample = tuple(int(i) for i in (~holds(detached)).nonzero()[0])[: value.dim() - k]
            raise ValueError(
                f"{parameter.name()}{in_sample(sample)}: declared as cp.Parameter({attribute}=True), got "
                f"{float(detached[~holds(detached)][0]):.3g}; the problem is convex for the declared sign only."
            )
    if parameter.attributes.get("PSD"):
        lowest = torch.linalg.eigvalsh(0.5 * (detached + detached.mT)).amin(-1)
        size = detached.abs().amax((-2, -1))
        bad = (lowest < -1e-8 * size) | ((detached - detached.mT).abs().amax((-2, -1)) > 1e-8 * size)
        if bool(bad.any()):
            sample = tuple(int(i) for i in bad.nonzero()[0])
            raise ValueError(
                f"{parameter.name()}{in_sample(sample)}: declared as cp.Parameter(PSD=True), but the matrix is not "
                "symmetric and positive semi-definite."
            )


def unmet_constraint(problem: Any, values: Mapping[Any, Tensor]) -> tuple[str, float] | None:
    """A constraint that the others make impossible, with its row, and by how much it is missed at best, relative to the
    largest parameter; or None.

    Solves the problem with a slack in every constraint, minimizing the sum of slacks.

    Args:
        problem: a ``cvxpy.Problem``; its parameters' values are put back.
        values: of one sample, by parameter.
    """
    import cvxpy as cp

    before = {parameter: parameter.value for parameter in values}
    try:
        for parameter, value in values.items():
            parameter.value = value.detach().numpy()
        slacks, constraints = [], []
        for constraint in problem.constraints:
            slack, elastic = _elastic(constraint)
            constraints.append(elastic)
            if slack is not None:
                slacks.append((constraint, slack))
        if not slacks:
            return None
        total = sum(cp.sum(slack) for _, slack in slacks)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an inaccurate answer is good enough to tell which
                cp.Problem(cp.Minimize(total), constraints).solve(solver=cp.CLARABEL)
        except cp.error.SolverError:
            return None
        misses = [(constraint, np.atleast_1d(slack.value)) for constraint, slack in slacks if slack.value is not None]
        if not misses:
            return None
        constraint, miss = max(misses, key=lambda pair: float(pair[1].max()))
        size = max([1e-300, *(float(v.detach().abs().max()) for v in values.values() if v.numel())])
        if miss.max() <= _MISS * size:
            return None
        row = np.unravel_index(int(miss.argmax()), miss.shape)
        label = constraint.label or f"constraint {problem.constraints.index(constraint)} ({constraint})"
        numbered = f"{label}, row {', '.join(map(str, row))}" if miss.size > 1 else str(label)
        return numbered, float(miss.max()) / size
    finally:
        for parameter, value in before.items():
            parameter.value = value


def _elastic(constraint: Any) -> tuple[Any, Any]:
    """A slack >= 0 and the constraint loosened by it; None and the constraint itself where that has no meaning."""
    import cvxpy as cp
    from cvxpy import constraints as kinds

    if isinstance(constraint, kinds.PSD):
        slack = cp.Variable(nonneg=True)
        return slack, constraint.args[0] + slack * np.eye(constraint.shape[0]) >> 0
    if isinstance(constraint, kinds.Equality | kinds.Zero):
        slack = cp.Variable(constraint.shape, nonneg=True)
        return slack, cp.abs(constraint.expr) <= slack
    if isinstance(constraint, kinds.Inequality | kinds.NonPos):
        slack = cp.Variable(constraint.shape, nonneg=True)
        return slack, constraint.expr <= slack
    if isinstance(constraint, kinds.NonNeg):
        slack = cp.Variable(constraint.shape, nonneg=True)
        return slack, constraint.args[0] >= -slack
    return None, constraint
