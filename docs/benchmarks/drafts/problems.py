"""Whole problems, with their parameters, velocities and references."""

from __future__ import annotations

from collections.abc import Sequence

from drafts.conditions import condition
from drafts.domains import domain
from drafts.draft import Draft
from drafts.equations import equation

GOOD_PARAMETERS = [
    "0.1", "2", "np.float64(0.3)", "pl.Uniform(0.1, 1.0)", "pl.Unknown(0.5)", "lambda x: 1 + x * x",
    "pl.RandomField(on='x')",
    "np.int64(3)", "lambda x: torch.exp(x)", "pl.Uniform(1, 2)", "0", "-5",
    "lambda x: TABLE[(x * 3).long().clamp(0, 3)]",
]  # fmt: skip
BAD_PARAMETERS = [
    "None", "'a'", "math.nan", "math.inf", "True", "1j", "[1.0]", "np.zeros(2)", "10**400", "pl.Uniform(1, 0)",
    "pl.Uniform(0, math.inf)",
    "pl.Uniform('a', 'b')", "pl.Uniform(0, 10**400)", "pl.Uniform(1, 1)", "pl.Unknown(math.nan)", "pl.Unknown('a')",
    "pl.Unknown(None)",
    "pl.Unknown(10**400)", "pl.RandomField(on='q')", "pl.RandomField(on=())",
    "pl.RandomField(on='x', length_scale=0)", "torch.zeros(3)",
    "pl.RandomField(on='x', length_scale='a')", "pl.RandomField(on='x', std=-1)",
    "pl.RandomField(on='x', kernel='a')", "lambda q: q",
    "pl.RandomField(on=3)", "pl.RandomField(on='x', length_scale=1e-9)", "lambda x: x[:3]", "lambda x: None",
    "lambda x: 'a'", "object()",
    "pl.RandomField(on='x', std=10**400)", "pl.RandomField(on='x', mean=10**400)",
    "pl.RandomField(on='x', periodic=3)", "pl.Uniform",
    "lambda x: np.sin(x)", "lambda x: math.sin(x)", "lambda x: x.mean() * x", "lambda x: torch.log(-1 - x * x)",
    "lambda x: x + 1j",
    "lambda *x: 1.0", "pl.Unknown", "{}", "lambda x: x[:, None]", "lambda x: (x, x)",
    "lambda: 1.0", "1e400",
    "pl.RandomField(on='x', length_scale=10**400)", "pl.Unknown(True)", "pl.Uniform(None, 1)", "lambda x: x.x",
    "lambda x: x * 10**400",
]  # fmt: skip
BAD_PARAMETER_NAMES = ["lambda", "a b", "", "u", "_k", "1k", "self"]


def _parameter(draft: Draft, coordinates: Sequence[str]) -> str:
    """Text of a parameter; functions are of x, where there is one."""
    if draft.chance(0.07):
        return draft.bad(BAD_PARAMETERS)
    given = draft.pick(GOOD_PARAMETERS)
    return given if "x" in coordinates or not ("lambda" in given or "on=" in given) else "0.2"


def declaration(draft: Draft) -> str:
    """Text that builds ``problem``."""
    where, coordinates = domain(draft)
    unknowns = draft.pick([("u",), ("u",), ("u",), ("u", "v")])
    names = repr(unknowns[0] if len(unknowns) == 1 else unknowns)
    if draft.chance(0.03):
        names = draft.bad([
            "()", "''", "3", "None", "('u', 'u')", "('u', 3)", "{'u': int}", "'a b'", "'lambda'", "'_u'", "'on'",
            "'exact'", "'weight'",
            "('u', 'x')" if "x" in coordinates else "('u', 't')", "'__u__'", "b'u'", "('u',) * 2",
        ])  # fmt: skip
    parameters: dict[str, str] = {}
    for name in draft.pick([(), (), ("k",), ("k",), ("k", "a")]):
        parameters[name] = _parameter(draft, coordinates)
        if name == "a" and draft.chance(0.2):
            del parameters[name]
            parameters[draft.bad(BAD_PARAMETER_NAMES)] = "1.0"
    words = " ".join(parameters.values())
    families = "Uniform(" in words or "RandomField(" in words
    if families and "Unknown(" in words:
        draft.planted.append("a family with an unknown")
    bindable = [name for name in parameters if name.isidentifier() and name not in ("lambda", "u", "x")]
    equations = [equation(draft, unknowns, coordinates, bindable) for _ in unknowns]
    if draft.chance(0.02):
        equations = [draft.bad(["None", "3", "'u.x'", "pl.PINN()", "lambda: 0", "lambda x: x"]) for _ in range(1)]
    body = ", ".join(f"({e})" for e in equations) + ","
    conditions = [condition(draft, unknowns, coordinates, bindable) for _ in range(draft.pick([0, 1, 1, 2, 2, 3]))]
    arguments = [
        f"    domain={where},", f"    unknowns={names},", f"    equations=({body}),",
        "    conditions=[" + ", ".join(conditions) + "],",
        "    parameters={" + ", ".join(f"{k!r}: {v}" for k, v in parameters.items()) + "},",
    ]  # fmt: skip
    if draft.chance(0.02):
        arguments[3] = "    conditions=" + draft.bad(["3", "'u=0'", "{'u': 0}", "[[]]", "pl.Dirichlet", "True"]) + ","
    if draft.chance(0.01):
        arguments[4] = "    parameters=" + draft.bad(["3", "[1.0]", "'k'", "{1: 2.0}", "{'k'}", "{None: 1.0}"]) + ","
    if draft.chance(0.1):
        arguments.append("    velocity=" + velocity(draft, coordinates, unknowns) + ",")
    if draft.chance(0.1):
        arguments.append("    reference=" + reference(draft, coordinates, unknowns) + ",")
    if draft.chance(0.02):
        arguments.append("    name=" + draft.bad(["3", "None", "['a']"]) + ",")
    return "\n".join(["problem = pl.Problem(", *arguments, ")"])


def velocity(draft: Draft, coordinates: Sequence[str], unknowns: Sequence[str]) -> str:
    """Text of a transport velocity."""
    space = [c for c in coordinates if c != "t"]
    if draft.chance(0.5):
        one = draft.pick(
            ["1.0", "2", "lambda u: u", f"lambda {space[0]}: 1.0" if space else "1.0", "lambda u: 0.5 * u * u"]
        )
        return one if len(space) == 1 else f"({''.join(f'{one}, ' for _ in space)})"
    return draft.bad([
        "'a'", "lambda q: q", "lambda u: u.mean()", "lambda u: torch.mean(u)", "lambda u: None", "math.nan",
        "(1.0, 2.0, 3.0, 4.0)",
        "lambda u: 'a'", "10**400", "lambda u: math.sin(u)", "lambda u: u.value[:2]", "1j", "{'x': 1.0}", "lambda *a: 1.0",
        "lambda: math.nan", "(None,)", "lambda u: u.q", "lambda u: torch.zeros(3)", "True",
    ])  # fmt: skip


def reference(draft: Draft, coordinates: Sequence[str], unknowns: Sequence[str]) -> str:
    """Text of a reference."""
    x = draft.pick(coordinates)
    if draft.chance(0.6):
        inner = f"0.0 * {x}"
        whole = "{" + ", ".join(f"{u!r}: {inner}" for u in unknowns) + "}" if len(unknowns) > 1 else inner
        return f"lambda {', '.join(coordinates)}: {whole}"
    return draft.bad(["3", "'a'", "lambda q: q", "[1.0]", "np.zeros(3)", "lambda *a: 0.0", "1.0"])
