"""What ``problem.check()`` returns: what a problem says, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pinnlab.declaration.conditions import AnyCondition, AtAnInstant, Context, Data, Final, Initial, Integral
from pinnlab.declaration.counting.condition_count import Count, Side
from pinnlab.declaration.parameters.kinds import Family, Parameter, SoughtParameter, Unknown
from pinnlab.derivatives.names import Key
from pinnlab.typeset import card, paragraph, table

Orders = Callable[[str, str], int]
"""(unknown, coordinate) -> highest order of its derivatives in the equations."""


@dataclass(frozen=True)
class ProblemReport:
    """What a dry run found; ``print`` it.

    Attributes:
        summary: name and domain, in a line.
        derivatives: {unknown: derivatives that the equations use}, such as ``("t", "xx")``.
        residuals: names of the equations' residuals.
        conditions: (condition, ``"exact"`` or ``"soft"``).
        notes: remarks that need no action.
        missing: what the problem seems to lack.
        excess: conditions, and equations, that are too many.
    """

    summary: str
    derivatives: dict[str, tuple[str, ...]]
    residuals: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    excess: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing seems to be missing."""
        return not self.missing

    def __str__(self) -> str:
        lines = [self.summary]
        for unknown, used in self.derivatives.items():
            names = ", ".join(f"{unknown}_{name}" if name else unknown for name in used)
            lines.append(f"  unknown {unknown}: uses {names}")
        lines.append(f"  equations: {', '.join(self.residuals)}")
        lines += [f"  {how:5s} {condition}" for condition, how in self.conditions]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  TOO MANY: {text}" for text in self.excess]
        lines += [f"  MISSING: {text}" for text in self.missing] or ([] if self.excess else ["  complete"])
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """What notebooks show."""
        used = {u: ", ".join(f"{u}_{d}" if d else u for d in names) for u, names in self.derivatives.items()}
        rows = [*(("uses", escape(names)) for names in used.values()), ("equations", escape(", ".join(self.residuals)))]
        rows += [(how, escape(condition)) for condition, how in self.conditions]
        judged = [(f"too many: {text}", "wrong") for text in self.excess]
        judged += [(f"missing: {text}", "wrong") for text in self.missing] or ([] if judged else [("complete", "good")])
        notes = [(f"note: {note}", "") for note in self.notes]
        return card(self.summary, [table(rows), *(paragraph(*said) for said in (*notes, *judged))])


def left_out(conditions: Sequence[AnyCondition]) -> list[str]:
    """What is said of data of which some are missing."""
    found = []
    for condition in conditions:
        if isinstance(condition, Data):
            count = condition.missing + sum(part.missing for part in condition.complete() if part is not condition)
            if count:
                found.append(f"{condition!r}: {count} values or places are missing, and left out")
    return found


@dataclass(frozen=True)
class Gaps:
    """What a problem's conditions leave open, in sentences.

    Attributes:
        missing: what the problem seems to lack.
        excess: conditions that stand where none is needed, and equations that are more than the unknowns.
        notes: what is uncertain, or needs no action.
        certificate: why there is certainly more than one solution, or none; None where that is not certain.
    """

    missing: tuple[str, ...]
    excess: tuple[str, ...]
    notes: tuple[str, ...]
    certificate: str | None


def gaps(context: Context, conditions: Sequence[AnyCondition], count: Count, order_of: Orders) -> Gaps:
    """What a problem's conditions leave open.

    Args:
        context: names and region of the problem.
        conditions: all of them.
        count: what they fix.
        order_of: (unknown, coordinate) -> highest order of its derivatives in the equations.
    """
    few = [
        *_initial_gaps(context, conditions, count, order_of),
        *_side_gaps(context, count, order_of),
        *_line_gaps(context, count, order_of),
    ]
    moving = [] if few else _motions(context, count)
    surplus = _surplus(context, conditions, order_of)
    missing, excess = few + moving, [*_excess(context, conditions, count), *surplus]
    excess += _too_many_equations(context, count)
    notes = [] if few else [_constant(context, group) for group in count.constants]
    notes += [_explosion(context, conditions)] if count.explosive else []
    if count.doubts:
        notes += [f"{text} (not certain: {'; '.join(count.doubts)})" for text in missing]
        free = _too_few_equations(context, conditions, count)
        return Gaps(tuple(free), tuple(excess), tuple(notes), surplus[0] if surplus else None)
    bare = [repr(piece) for piece, side in count.sides.items() if side.needed is None and not side.given]
    notes += [f"whether conditions are needed at {', '.join(bare)} is not certain"] if bare else []
    certain = few if few and _is_certain(context, count, order_of) else moving
    certificates = [*(f"the solution is not unique; {text}" for text in certain), *surplus]
    return Gaps(tuple(missing), tuple(excess), tuple(notes), certificates[0] if certificates else None)


def repeated(context: Context, conditions: Sequence[AnyCondition], order_of: Orders) -> str | None:
    """Why conditions repeat or contradict one another, whatever the equations are; None where they do not."""
    return next(iter(_surplus(context, conditions, order_of)), None)


def _initial_gaps(context: Context, conditions: Sequence[AnyCondition], count: Count, order_of: Orders) -> list[str]:
    side = count.initial
    if side is None or not (side.lacking or side.needed is None):
        return []
    given = _at_an_instant(context, conditions)
    t = context.region.clock
    wanted = [(u, order) for u in context.unknowns for order in range(order_of(u, t)) if (u, order) not in given]
    lacking = [_derived(u, order, t) for u, order in wanted]
    kind = _instant(conditions)
    found = [f"no {kind.instant} value of {name}: add {kind.__name__}({name}=...)" for name in lacking]
    if side.lacking and not found:
        found = [
            f"the {_number(side.given, kind.instant + ' value')} leave {side.lacking} of {side.needed} open: change them"
        ]
    return found


def _instant(conditions: Sequence[AnyCondition]) -> type[AtAnInstant]:
    """At which end of time the state of a problem is given."""
    return Final if any(isinstance(c, Final) for c in conditions) else Initial


def _side_gaps(context: Context, count: Count, order_of: Orders) -> list[str]:
    lacking = {piece: side for piece, side in count.sides.items() if side.lacking}
    found, who = [], " or ".join(context.unknowns)
    for coordinate in context.region.space:
        ends = (coordinate + "-", coordinate + "+")
        if set(ends) <= set(lacking) and not any(lacking[end].given for end in ends):
            needs = " and ".join(str(lacking.pop(end).needed) for end in ends)
            found.append(
                f"no condition on {who} at the boundary of {coordinate}: add Dirichlet, Periodic, ...; its two ends "
                f"need {needs}{_clock_hint(context, coordinate, order_of)}"
            )
    faces = {coordinate + end for coordinate in context.region.space for end in "-+"}
    bare = {p: str(side.needed) for p, side in lacking.items() if not side.given and not _doubled(count, p)}
    groups = [[piece] for piece in bare if piece in faces] + [[piece for piece in bare if piece not in faces]]
    for pieces in filter(None, groups):
        needs = " or ".join(dict.fromkeys(bare[piece] for piece in pieces))
        places = ", ".join(_at(piece, lacking[piece]) for piece in pieces)
        found.append(
            f"no condition on {who} at {places}: add Dirichlet, Neumann, ...; {needs} needed there"
            + "".join(dict.fromkeys(_clock_hint(context, p[:-1], order_of) for p in pieces if p in faces))
        )
    for piece, side in lacking.items():
        other = _doubled(count, piece)
        if other is not None:
            found.append(
                f"ill-posed: {piece!r} needs {_number(side.needed, 'condition')} and has {side.given}, while the other "
                f"end has {other.given} where {other.needed} belong (Cauchy data); move one to {piece!r}"
            )
        elif side.given:
            found.append(
                f"too few conditions at {_at(piece, side)}: {side.needed} needed, {side.given} given, of which "
                f"{(side.needed or 0) - side.lacking} count: add Dirichlet, Neumann, ... on {who}"
            )
    return found


def _at(piece: str, side: Side) -> str:
    """A piece of the boundary in words, and a point on it where only a part of it is meant."""
    return repr(piece) + (f" around {side.place}" if side.place else "")


def _doubled(count: Count, piece: str) -> Side | None:
    """The opposite end, where it has more conditions than belong there; else None."""
    other = count.sides.get(piece[:-1] + ("-" if piece[-1] == "+" else "+"))
    return other if other is not None and other.needed is not None and other.given > other.needed else None


def _line_gaps(context: Context, count: Count, order_of: Orders) -> list[str]:
    side = count.total
    if side is None or not side.lacking or (side.lacking <= len(count.constants) and side.given >= (side.needed or 0)):
        return []
    (x,) = context.region.space
    who = " or ".join(context.unknowns)
    if side.given:
        return [
            f"too few conditions in {x}: {side.needed} needed, {side.given} given, of which "
            f"{(side.needed or 0) - side.lacking} count: add Dirichlet, Neumann, ... on {who} at '{x}-' or '{x}+'"
        ]
    return [
        f"no condition on {who} at the boundary of {x}: add Dirichlet, Periodic, ...; {side.needed} needed in "
        f"all{_clock_hint(context, x, order_of)}"
    ]


def _clock_hint(context: Context, coordinate: str, order_of: Orders) -> str:
    """What to say where a coordinate without conditions may be time: nothing has more than a first derivative by it."""
    if context.region.has_time or max(order_of(u, coordinate) for u in context.unknowns) != 1:
        return ""
    return f" (if {coordinate} is time, say so: Box(..., time={coordinate!r}), and give Initial(...))"


def _constant(context: Context, group: Sequence[str]) -> str:
    many = f"{' and '.join(group)} {'is' if len(group) == 1 else 'are'} known up to a constant"
    if context.region.has_time:
        return f"{many} at each time, which nothing fixes: compare it up to a constant, or give a value on a side"
    return f"{many}: solve sets it to zero at one point; a Dirichlet value or Data at a point would fix it otherwise"


def _explosion(context: Context, conditions: Sequence[AnyCondition]) -> str:
    given, other = ("a final", Initial) if _instant(conditions) is Final else ("an initial", Final)
    return (
        f"ill-posed in {context.region.clock} from {given} state: waves grow the faster the shorter they are, and so do "
        f"errors; check signs, or give the {other.instant} state, {other.__name__}(...)"
    )


def _motions(context: Context, count: Count) -> list[str]:
    if not count.motions:
        return []
    space = ", ".join(context.region.space)
    return [
        f"a free motion: {' and '.join(count.motions)} may change by functions that are linear in {space}, such as rigid "
        "motions, and all equations and conditions still hold; fix them by Dirichlet values on a side, or at points by "
        "Data(points={...}, ...)"
    ]


def _is_certain(context: Context, count: Count, order_of: Orders) -> bool:
    """Whether too few conditions leave more than one solution for certain, whatever stands elsewhere."""
    region, unknowns = context.region, context.unknowns
    carried = region.has_time and all(order_of(u, region.clock) > 0 for u in unknowns)
    if (count.initial is not None and count.initial.lacking) or count.total is not None:
        return True
    surplus = {piece for piece, s in count.sides.items() if s.needed is not None and s.given > s.needed}
    for piece in (piece for piece, side in count.sides.items() if side.lacking):
        coordinate, ends = piece[:-1], {piece[:-1] + "-", piece[:-1] + "+"}
        if carried and max(order_of(u, coordinate) for u in unknowns) == 1:
            # what is carried in has not passed the other end when time is over
            return True
        # too many elsewhere may be Cauchy data, which fix the solution, though not stably
        if coordinate in count.open_between and not surplus - ends:
            return True
        if not ends <= set(count.sides) and not surplus:
            return True
    return False


def _excess(context: Context, conditions: Sequence[AnyCondition], count: Count) -> list[str]:
    found = []
    for piece, side in count.sides.items():
        if side.needed is not None and side.given > side.needed:
            found.append(
                f"too many conditions at {_at(piece, side)}: {side.needed} needed, {side.given} given; drop those that "
                "follow from the others or contradict them"
            )
    if count.total is not None and count.total.needed is not None and count.total.given > count.total.needed:
        (x,) = context.region.space
        found.append(
            f"too many conditions in {x}: {count.total.needed} needed, {count.total.given} given; drop those that "
            "follow from the others or contradict them"
        )
    given = _at_an_instant(context, conditions)
    twice = [at for at in dict.fromkeys(given) if given.count(at) > 1]
    return [*found, *(_dropped(context, conditions, at, "stands twice") for at in twice)]


def _too_many_equations(context: Context, count: Count) -> list[str]:
    """What is said of them; they may agree, as of equations that follow from one another."""
    more = count.equations - len(context.unknowns) - count.sought
    if more <= 0:
        return []
    return [
        f"{_equations_for(context, count)}: there is a solution only where {more} of them "
        f"{'follows' if more == 1 else 'follow'} from the others, as a Poisson equation for the pressure does from "
        "equations of flow; drop those that contradict the others"
    ]


def _too_few_equations(context: Context, conditions: Sequence[AnyCondition], count: Count) -> list[str]:
    """What is said of them; data inside the domain may stand for those that lack."""
    fewer = len(context.unknowns) + count.sought - count.equations
    if fewer <= 0 or any(isinstance(c, Data) for c in conditions):
        return []
    leave = "leaves" if count.equations == 1 else "leave"
    return [
        f"{_equations_for(context, count)} {leave} {_number(fewer, 'function')} free: add equations, or Data that tell"
    ]


def _equations_for(context: Context, count: Count) -> str:
    functions = f" and {_number(count.sought, 'function')} to be found" if count.sought else ""
    return f"{_number(count.equations, 'equation')} for {_number(len(context.unknowns), 'unknown')}{functions}"


def _surplus(context: Context, conditions: Sequence[AnyCondition], order_of: Orders) -> list[str]:
    """Which derivatives by time are given at an instant although the equations tell them from the state there."""
    return [
        _dropped(context, conditions, (u, order), "is none that the equations ask for")
        for u, order in dict.fromkeys(_at_an_instant(context, conditions))
        if order >= order_of(u, context.region.clock) > 0
    ]


def _at_an_instant(context: Context, conditions: Sequence[AnyCondition]) -> list[tuple[str, int]]:
    """(unknown, order of the derivative by time) of all that starts or final states give."""
    return [(u, len(key)) for c in conditions if isinstance(c, AtAnInstant) for u, key, _, _ in c.targets(context)]


def _dropped(context: Context, conditions: Sequence[AnyCondition], at: tuple[str, int], why: str) -> str:
    name = _derived(*at, context.region.clock)
    return f"too many conditions: the {_instant(conditions).instant} value of {name} {why}; drop it"


def _derived(unknown: str, order: int, time: str) -> str:
    return unknown + ("_" + time * order if order else "")


def _number(n: int | None, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def spelled(derivatives: Mapping[str, Iterable[Key]]) -> dict[str, tuple[str, ...]]:
    """{unknown: derivatives as they are written, short ones first}: ``("", "t", "xx")``."""
    return {u: tuple(sorted(("".join(k) for k in keys), key=lambda s: (len(s), s))) for u, keys in derivatives.items()}


def parameter_notes(
    parameters: Mapping[str, Parameter], conditions: Sequence[AnyCondition], surplus: bool = False
) -> tuple[list[str], list[str]]:
    """Sentences about parameters that are families or decided otherwise than by data, and about those that nothing decides.

    Args:
        parameters: of the problem.
        conditions: of the problem.
        surplus: whether these are more than the equations ask for.
    """
    said, missing = [], []
    for name, value in parameters.items():
        if isinstance(value, Family):
            said.append(f"parameter {name} is a family {value}: solve a member with problem.at({name}=...)")
        if isinstance(value, Unknown | SoughtParameter) and not any(isinstance(c, Data | Integral) for c in conditions):
            if surplus:
                said.append(
                    f"parameter {name} is to be found: conditions are more than the equations ask for, and decide it"
                )
                continue
            missing.append(
                f"parameter {name} is to be found, but there are no data: add Data(points=..., u=...), or an integral "
                "that decides it, Integral(..., equals=...)"
            )
    return said, missing
