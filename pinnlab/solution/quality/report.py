"""The report on a finished solution: residuals, violations of conditions, an estimate of the error, and a verdict.

A small residual certifies nothing: a solution that is spliced together of pieces of others leaves hardly any. So the
verdict rests on the estimate of the error, and where there is none it says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from html import escape
from typing import Any

import numpy as np

from pinnlab.declaration.summary import parameter_notes
from pinnlab.solution.comparison import Comparison
from pinnlab.solution.measures import Misfit, measure
from pinnlab.solution.quality.distances import NoEstimateError
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.quality.estimates import KINDS, Estimation, estimate_error, shown_by, tightened
from pinnlab.solution.quality.estimators import of_comparison
from pinnlab.training.result import Solved
from pinnlab.typeset import card, paragraph, table

_WRONG = 10.0
"""How many times as large as the tolerance an error is that is not doubtful but wrong."""
_BROKEN = 0.5
"""Relative violation of a condition that no accurate solution has; less may be a corner where the data themselves jump."""
_FOLLOWED = "characteristics"
"""The estimate that sees all that the equations do on its paths; others may share a grid's blindness for thin layers."""
_MEMBERS = 4
"""Drawn for a report on a family, in the seconds that a report has."""
_SECONDS = 60.0
_MISSED = 0.1
"""Relative misfit of data up to which coefficients that were found from them may be right."""


class Verdict(Enum):
    """What a report comes to."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


@dataclass(frozen=True)
class QualityReport:
    """What ``solution.report()`` returns; ``print`` it.

    Attributes:
        equations: residuals on fresh points; ``relative`` to the largest of the terms that should cancel.
        conditions: violations of conditions on fresh points, relative to the same derivative over the whole domain;
            hand-overs between time windows and jumps between subdomains as well.
        solved: share of the domain where the solution is a number.
        estimate: of the error; None where there is none.
        reasons: why there is no estimate, or none of the first choice.
        tolerance: the relative error up to which a solution is called good.
        verdict: what it comes to.
        why: the reason of the verdict.
        numbers: those that were found from data with their intervals, a line each, where the solver has told these.
    """

    equations: tuple[Misfit, ...]
    conditions: tuple[Misfit, ...]
    solved: float
    estimate: ErrorEstimate | None
    reasons: tuple[str, ...]
    tolerance: float
    verdict: Verdict
    why: str
    numbers: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict and its reason, on one line."""
        return f"{self.verdict.value}: {self.why}"

    def __str__(self) -> str:
        rows = [("", "rms", "maximum", "relative")]
        rows += [(m.name, f"{m.rms:.1e}", f"{m.maximum:.1e}", f"{m.relative:.1e}") for m in self._all]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [self.sentence]
        for name, *numbers in rows:
            cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *cells]))
        return "\n".join(line.rstrip() for line in [*lines, *self._said])

    def _repr_html_(self) -> str:
        """What notebooks show."""
        rows = [[escape(m.name), *(f"{v:.1e}" for v in (m.rms, m.maximum, m.relative))] for m in self._all]
        parts = [paragraph(self.why), table(rows, ("", "rms", "maximum", "relative"))]
        return card("Report:", [*parts, *map(paragraph, self._said)], self.verdict.value)

    @property
    def _said(self) -> list[str]:
        """What stands below the table: the estimate, numbers that were found, reasons."""
        e = self.estimate
        estimated = [] if e is None else [f"relative L2 error by {e.method}: {e.each} ({e.seconds:.1f} s)"]
        return [*estimated, *self.numbers, *(f"note: {reason}" for reason in self.reasons)]

    @property
    def _all(self) -> tuple[Misfit, ...]:
        return (*self.equations, *self.conditions)


def judge(
    estimate: ErrorEstimate | None,
    misfits: Sequence[Misfit],
    solved: float,
    tolerance: float,
    found: bool = False,
    second: ErrorEstimate | None = None,
    not_unique: str = "",
    shown: bool = False,
    impossible: str = "",
    fitted: bool = False,
) -> tuple[Verdict, str]:
    """The verdict and its reason.

    Args:
        estimate: of the error, or None.
        misfits: of equations and conditions.
        solved: share of the domain where the solution is a number.
        tolerance: the relative error up to which it is good. Ten times as much is wrong, if a misfit of matching size or
            a second estimate says so as well.
        found: whether coefficients were found from data; of these the estimate knows nothing, the data's misfit does.
        second: an estimate of another kind.
        not_unique: why the problem has no solution or many, which no estimate overrules; empty if it is not known to.
        shown: whether misfits need not show an error.
        impossible: a kink of the solution that no solution of the equations has, in words; beside one, an error above the
            tolerance is wrong.
        fitted: whether a fit has looked at what is left of the data, and found no more than noise where that was given.
    """
    if solved < 1:
        return Verdict.WRONG, f"there is no solution on {100 * (1 - solved):.0f} % of the domain"
    parts = _by_kind(misfits)
    off, worst, missed = (max(chosen, key=_finite, default=None) for chosen in parts.values())
    held = _held(parts)
    if not_unique:
        broken = max(misfits, key=_finite, default=None)
        if broken is not None and broken.kind != "data" and _finite(broken) > _BROKEN:
            return Verdict.WRONG, f"{broken.name} is violated by {broken.relative:.0e} of its size, and {not_unique}"
        return Verdict.DOUBTFUL, f"the solution is not unique or does not exist: {not_unique} {held}"
    if estimate is None:
        if worst is not None and _finite(worst) > _BROKEN:
            return Verdict.WRONG, f"{worst.name} is violated by {worst.relative:.0e} of its size; {held}"
        return Verdict.DOUBTFUL, f"no estimate of the error; {held}, which by itself certifies nothing"
    size = f"estimated {estimate.sentence} (by {estimate.method})" + (", with the coefficients found" if found else "")
    if impossible and estimate.least > tolerance:
        return Verdict.WRONG, f"{size}; {impossible}, which no solution of the equations does; {held}"
    if estimate.least > _WRONG * tolerance:
        if second is not None:
            other = f"estimated {second.sentence} (by {second.method})"
            if second.least > _WRONG * tolerance:
                return Verdict.WRONG, f"{size}, {other}; {held}, but this is not the solution"
            return Verdict.DOUBTFUL, f"no referee, as two estimates disagree: {size}, {other}; {held}"
        if shown or shown_by(misfits, estimate.least):
            return Verdict.WRONG, f"{size}; {held}, but this is not the solution"
        return Verdict.DOUBTFUL, f"{size}, of which nothing else shows anything; {held}"
    if worst is not None and _finite(worst) > _BROKEN:
        return Verdict.DOUBTFUL, f"{size}, but {worst.name} is violated by {worst.relative:.0e} of its size"
    if off is not None and _finite(off) > _BROKEN and _FOLLOWED not in estimate.method:
        return Verdict.DOUBTFUL, (
            f"{size}, but {off.name} is off by {off.relative:.0e} of its size somewhere, where something may be thinner "
            "than what the estimate resolves"
        )
    if missed is not None and _finite(missed) > _MISSED and ((found and not fitted) or not missed.noise):
        return Verdict.DOUBTFUL, f"{size}, but the data are missed by {missed.relative:.0e} of their size"
    if estimate.sizes and all(each.rms == each.natural == 0 for each in estimate.sizes.values()):
        return Verdict.DOUBTFUL, f"{size}, but it is zero everywhere, as nothing that was looked at drives it; {held}"
    if estimate.is_good(tolerance):
        return Verdict.GOOD, f"{size}; {held}"
    return Verdict.DOUBTFUL, f"{size}, {_than(estimate, tolerance)}; {held}"


def _than(estimate: ErrorEstimate, tolerance: float) -> str:
    """Why an estimate that is not wrong is not good either."""
    if estimate.worst.upper > tolerance:
        return f"more than {tolerance:g}"
    return "which may hide what little it varies"


def _finite(misfit: Misfit) -> float:
    return misfit.relative if not math.isnan(misfit.relative) else math.inf


def _by_kind(misfits: Sequence[Misfit]) -> dict[str, list[Misfit]]:
    """Those of equations, of conditions and of data."""
    parts: dict[str, list[Misfit]] = {"equations": [], "conditions": [], "data": []}
    for misfit in misfits:
        parts[{"equation": "equations", "data": "data"}.get(misfit.kind, "conditions")].append(misfit)
    return parts


def _held(parts: Mapping[str, Sequence[Misfit]]) -> str:
    """How well equations, conditions and data hold, in words."""
    words = []
    for what, chosen in parts.items():
        if chosen:
            largest = max(map(_finite, chosen))
            noise = " (noise)" if any(m.noise for m in chosen) else ""
            words.append(f"{what} hold to {largest:.0e}{noise}" if largest > 1e-13 else f"{what} hold to rounding")
    return ", ".join(words)


def report(
    solution: Solved,
    estimate: str | Comparison | None = "auto",
    *,
    tolerance: float = 0.01,
    max_seconds: float = _SECONDS,
    points: int = 4096,
    seed: int = 0,
) -> QualityReport:
    """Look at a solution without a reference. Ctrl-C ends the estimate of the error, and the report has none.

    Args:
        solution: of a single instance.
        estimate: of the error: ``"equation"`` solves the error equation, ``"classical"`` the problem by the classical
            solver, ``"features"`` the error equation by least squares on random features, on any domain, ``"experts"``
            takes what local experts on cut cells have told of their own error, for lack of a referee; ``"auto"``
            takes the first of these that is possible; a comparison that was made already is used as it is; None leaves
            the estimate out.
        tolerance: the relative L2 error up to which the verdict is good; above ten times that it is wrong.
        max_seconds: of the whole; an estimate that would take longer is left out, and the reasons say so.
        points: of the equations; conditions get an eighth of it each.
        seed: of the points.

    Raises:
        ValueError: a family; another word for ``estimate``; numbers that are not positive.
    """
    problem = solution.problem
    if problem.families:
        raise ValueError(
            "report() of a family: each member has its own; take one, such as "
            f"solution.at({problem.families[0]}=...).report()."
        )
    if not (estimate is None or isinstance(estimate, Comparison) or estimate in KINDS):
        raise ValueError(
            f"report(estimate={estimate!r}): choose one of {', '.join(map(repr, KINDS))}, None, or a comparison."
        )
    for name, value in (("tolerance", tolerance), ("max_seconds", max_seconds), ("points", points)):
        if not value > 0:
            raise ValueError(f"report({name}={value!r}): must be positive.")
    began = time.perf_counter()
    misfits, solved = measure(problem, solution.models, points, seed)
    estimation = Estimation()
    if solved == 1 and isinstance(estimate, Comparison):
        try:
            estimation = Estimation(of_comparison(estimate))
        except NoEstimateError as error:
            estimation = Estimation(reasons=(str(error),))
    elif solved == 1 and isinstance(estimate, str):
        try:
            estimation = estimate_error(solution, misfits, estimate, max_seconds, _WRONG * tolerance, began)
            if estimate == "auto":
                estimation = tightened(estimation, solution, tolerance)
        except KeyboardInterrupt:
            estimation = Estimation(reasons=("the estimate of the error was interrupted",))
    sought = bool(problem.unknown_parameters or problem.unknown_functions)
    sure = solution.uncertainty
    fitted = bool(solution.models[-1].functions) if sure is None else not sure.remarks
    verdict, why = judge(
        estimation.estimate, misfits, solved, tolerance, sought, estimation.second,
        estimation.not_unique, estimation.shown, estimation.impossible, fitted,
    )  # fmt: skip
    equations = tuple(m for m in misfits if m.kind == "equation")
    conditions = tuple(m for m in misfits if m.kind != "equation")
    reasons = estimation.reasons
    numbers = () if sure is None else tuple(sure.told().splitlines())
    if sure is not None and sure.remarks:
        reasons = (*reasons, *sure.remarks)
        if verdict is Verdict.GOOD:
            verdict, why = Verdict.DOUBTFUL, f"{sure.remarks[0]}; {why}"
    missing = problem.check().missing
    if undecided := [why for why in parameter_notes(problem.parameters, problem.conditions)[1] if why in missing]:
        reasons = (*reasons, *undecided)
        if verdict is Verdict.GOOD:
            verdict, why = Verdict.DOUBTFUL, f"{undecided[0]}; {why}"
    return QualityReport(equations, conditions, solved, estimation.estimate, reasons, tolerance, verdict, why, numbers)


def asked_report(solution: Any, estimate: str | Comparison | None, options: dict[str, Any]) -> QualityReport:
    """See ``report``; of a family, the report on the member that is named or, without one, the worst of four at random.

    Args:
        solution: a ``pl.Solution``.
        estimate: as in ``report``.
        options: of ``report``, and the family's parameters; the seconds are those of all members together.

    Raises:
        ValueError: as ``report``; a parameter is missing; one comparison for several members.
    """
    if solution.members is None:
        return report(solution, estimate, **options)
    at, problem = solution.at, solution.problem
    own = {name: options.pop(name) for name in problem.families if name in options}
    if own:
        return report(at(**own), estimate, **options)
    if isinstance(estimate, Comparison):
        raise ValueError("report(estimate=...) of a family: a comparison is of one member; name it as well.")
    rng = np.random.default_rng(options.get("seed", 0))
    seconds, found = options.pop("max_seconds", _SECONDS) / _MEMBERS, []
    for _ in range(_MEMBERS):
        values = problem.sample_parameters(rng)
        found.append((report(at(**values), estimate, max_seconds=seconds, **options), values))
    worst, values = max(found, key=lambda pair: _badness(pair[0]))
    named = ", ".join(f"{n} = {v:.4g}" if isinstance(v, float) else n for n, v in values.items())
    remark = f"the worst of {_MEMBERS} members drawn at random, that with {named}"
    return replace(worst, why=f"{worst.why}; {remark}", reasons=(*worst.reasons, remark))


def _badness(found: QualityReport) -> tuple[int, float]:
    """By the verdict, then by the estimate."""
    off = 0.0 if found.estimate is None else found.estimate.worst.upper
    return list(Verdict).index(found.verdict), off
