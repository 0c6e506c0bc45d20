"""Random declarations: what is wrong is refused with ValueError or TypeError, and nothing impossible is accepted.

    python docs/benchmarks/declarations.py --count 20000 --seed 0 --json docs/benchmarks/declarations.json

A declaration is a piece of Python text, put together at random from good and strange parts: domains, unknowns, equations
made of random expressions, conditions, parameters, velocities, references, solvers and arguments of ``solve``. It is run
as a user would run it: the problem is built, checked, shown, asked for members, handed to solvers, and now and then
solved for a moment. Four outcomes are failures:

- an exception that is neither a ValueError nor a TypeError (``Mine``, which the declarations' own functions raise, passes);
- a warning;
- an argument that was planted as impossible, and accepted;
- a user's own exception that did not come through as it was.

The small version is a test (``tests/declaration/test_random_declarations.py``).
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import io
import json
import math
import random
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl

SHARE_SOLVED = 0.04
"""Of the declarations that are solved for a moment."""


class Mine(Exception):
    """What the functions of a declaration raise on purpose."""


def raises(*_: Any) -> Any:
    """Raise ``Mine``."""
    raise Mine("a function of the user's own")


@dataclass
class Draft:
    """A declaration as text, and what was planted in it.

    Attributes:
        random: where choices come from.
        planted: what makes it impossible, in words; every one is to be refused.
    """

    random: random.Random
    planted: list[str] = field(default_factory=list)

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.random.random() < share

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        return self.random.choice(choices)

    def bad(self, choices: Sequence[str]) -> str:
        """One of the choices, each of which is impossible; it is planted."""
        text = self.random.choice(choices)
        self.planted.append(text)
        return text


# -- domains -------------------------------------------------------------------------------------------------------------

DOMAINS = {
    "x": ["pl.Box(x=(0.0, 1.0))", "pl.Box(x=(-1, 2))", "pl.Box(x=np.array([0.0, 3.0]))", "pl.Box(x=[np.float32(0), 1])"],
    "t": ["pl.Box(t=(0.0, 1.0))", "pl.Box(t=(0, 5))"],
    "xt": ["pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))", "pl.Box(x=(-1.0, 1.0), t=(0, 2))", "pl.Box(x=(0, 1)) * pl.Box(t=(0, 1))"],
    "xy": [
        "pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))", "pl.Ball({'x': 0.0, 'y': 0.0}, 1.0)",
        "pl.Polygon([(0, 0), (1, 0), (0, 1)])",
        "pl.Box(x=(0, 2), y=(0, 2)) - pl.Ball({'x': 1, 'y': 1}, 0.4)",
        "pl.Mesh([[0, 0], [1, 0], [1, 1], [0, 1]], [[0, 1, 2], [0, 2, 3]])",
    ],
    "xyt": [
        "pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))", "pl.Ball({'x': 0.0, 'y': 0.0}, 1.0) * pl.Box(t=(0, 1))",
        "pl.Polygon([(0, 0), (1, 0), (0, 1)]) * pl.Box(t=(0, 0.5))",
    ],
    "xyz": ["pl.Box(x=(0, 1), y=(0, 1), z=(0, 1))", "pl.Ball({'x': 0.0, 'y': 0.0, 'z': 0.0}, 1.0)"],
}  # fmt: skip
"""Coordinates -> domains that have them."""

STRANGE_DOMAINS = [
    "pl.Box(x=(0.0, 1e308), t=(0.0, 1.0))", "pl.Box(x=(1e-300, 2e-300), t=(0, 1))", "pl.Box(x=(0, 10**12), t=(0, 1))",
    "pl.Box(x=(1.0, 1.0 + 1e-15), t=(0, 1))", "pl.Box(x=(0, True), t=(0, 1))",
    "pl.Box(x=(-1e200, 1e200), t=(0, 1e-200))",
    "pl.Box(x=torch.tensor([0.0, 1.0]), t=(0, 1))", "pl.Box(x=('0', '1'), t=(0, 1))",
]  # fmt: skip
"""Which may be refused or accepted."""

IMPOSSIBLE_DOMAINS = [
    "pl.Box(x=(1.0, 0.0), t=(0, 1))", "pl.Box(x=(0.0, 0.0), t=(0, 1))", "pl.Box(x=(0.0, math.inf), t=(0, 1))",
    "pl.Box(x=(math.nan, 1.0), t=(0, 1))", "pl.Box(x=3, t=(0, 1))", "pl.Box(x='ab', t=(0, 1))", "pl.Box()", "None",
    "'box'",
    "pl.Box(x=(0, 1, 2), t=(0, 1))", "pl.Box(x=(0, 10**400), t=(0, 1))", "pl.Box(x=(-1.7e308, 1.7e308), t=(0, 1))",
    "pl.Box(x=(0, None), t=(0, 1))", "pl.Box(x=(0, 1j), t=(0, 1))", "pl.Box", "3", "{'x': (0, 1), 't': (0, 1)}",
    "pl.Ball({'x': 0.0}, 1.0)", "pl.Ball({'x': 0.0, 'y': 0.0}, 0.0)", "pl.Ball({'x': 0.0, 'y': 0.0}, -1)",
    "pl.Ball({'x': 0.0, 'y': math.nan}, 1.0)", "pl.Ball((0, 0), 1.0)", "pl.Ball({'x': 0, 't': 0}, 1.0)",
    "pl.Ball({'x': 0.0, 'y': 0.0}, 10**400)", "pl.Ball({'x': 10**400, 'y': 0.0}, 1)",
    "pl.Ball({'x': 0, 'y': 0}, 1, name=3)",
    "pl.Polygon([(0, 0), (1, 0)])", "pl.Polygon([(0, 0), (1, 0), (math.nan, 1)])", "pl.Polygon(3)",
    "pl.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])", "pl.Polygon([(0, 0), (1, 0), (0, 1)], names=('x', 'x'))",
    "pl.Polygon([(0, 0), (1, 0), (0, 1)], names=3)", "pl.Polygon([(0, 0), (1, 0), (0, 1)], edges=5)",
    "pl.Polygon([(0, 0), (1, 0), (0, 1)], edges=(1, 2, 3))", "pl.Polygon([(0, 0), (1, 0), (0, 1)], names=(1, 2))",
    "pl.Polygon([(0, 0), (1, 0), (0, 10**400)])", "pl.Polygon([(0, 0), (1, 0), (2, 0)])",
    "pl.Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 7]])", "pl.Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1]])",
    "pl.Mesh([[0, 0], [1, 0], [0, math.inf]], [[0, 1, 2]])", "pl.Mesh([[0, 0], [1, 0], [2, 0]], [[0, 1, 2]])",
    "pl.Mesh('mesh', [[0, 1, 2]])", "pl.Mesh([[0, 0], [1, 0], [0, 1]], 'abc')", "pl.Mesh([[0, 0], [1]], [[0, 1, 2]])",
    "pl.Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], tags=3)", "pl.Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], names=3)",
    "pl.Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], tags={'a': [[0, 9]]})", "pl.Mesh([], [])",
    "pl.Mesh([[0, 0], [1, 0], [0, 10**400]], [[0, 1, 2]])", "pl.Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 10**40]])",
    "pl.Box(x=(0, 1)) * pl.Box(x=(0, 1))", "pl.Box(x=(0, 1)) - pl.Box(y=(0, 1))", "pl.Box(x=(0, 1)) & pl.Box(x=(2, 3))",
    "pl.Ball({'x': 0, 'y': 0}, 1) * 3", "pl.Ball({'x': 0, 'y': 0}, 1) - pl.Ball({'x': 0, 'y': 0}, 2)",
    "pl.Box(x=(0, 1)) | 2",
]  # fmt: skip

IMPOSSIBLE_NAMES = [
    *(name for name in dir(pl.Field) if not name.startswith("_")), "sin", "exp", "sqrt", "abs", "pow", "lambda", "class",
    "None",     "a b", "", "x-", "__x", "_x", "1x", "self",
]  # fmt: skip
"""Of coordinates."""

AMBIGUOUS = [("x", "xx"), ("x", "y", "xy"), ("x", "xt", "t"), ("x", "xy", "yz", "z"), ("r", "rr", "t")]


def domain(draft: Draft) -> tuple[str, tuple[str, ...]]:
    """Text of a domain, and its coordinates."""
    if draft.chance(0.12):
        return draft.bad(IMPOSSIBLE_DOMAINS), ("x", "t")
    if draft.chance(0.04):
        name = draft.bad(IMPOSSIBLE_NAMES)
        return f"pl.Box(**{{{name!r}: (0.0, 1.0), 't': (0.0, 1.0)}})", ("x", "t")
    if draft.chance(0.02):
        names = draft.pick(AMBIGUOUS)
        draft.planted.append(f"coordinates {names}")
        return f"pl.Box({', '.join(f'{name}=(0.0, 1.0)' for name in names)})", names
    if draft.chance(0.04):
        return draft.pick(STRANGE_DOMAINS), ("x", "t")
    coordinates = draft.pick([*DOMAINS, "xt", "xt", "xt"])
    return draft.pick(DOMAINS[coordinates]), tuple(coordinates)


# -- expressions ---------------------------------------------------------------------------------------------------------

FUNCTIONS = [
    "torch.sin", "torch.exp", "torch.tanh", "torch.sqrt", "torch.log", "torch.abs", "torch.relu", "torch.sign",
    "torch.square",
    "torch.floor", "torch.erf", "torch.atan", "np.sin", "np.exp", "torch.sigmoid", "torch.special.erf",
    "torch.nn.functional.elu",
]  # fmt: skip
NUMBERS = [
    "0", "1", "2.0", "-3", "0.5", "math.pi", "1e308", "-1e308", "1e-320", "math.inf", "math.nan", "10**30",
    "10**400", "True",
    "np.float64(2.0)", "np.float32(0.1)", "np.int64(3)", "torch.tensor(2.0)", "1j", "'2'", "None", "torch.tensor(3)",
    "np.pi",
]  # fmt: skip
SANE = ["1", "2.0", "-3", "0.5", "math.pi", "np.float64(2.0)", "0.1"]


def expression(draft: Draft, names: Sequence[str], coordinates: Sequence[str], depth: int) -> str:
    """A random expression of fields."""
    if depth == 0 or draft.chance(0.1):
        name = draft.pick(names)
        if draft.chance(0.5) and coordinates:
            word = "".join(draft.pick(coordinates) for _ in range(draft.pick([1, 1, 2, 2, 3, 4])))
            return f"{name}.{word}" if draft.chance(0.9) else f"{name}.d({', '.join(map(repr, word))})"
        return name
    a = expression(draft, names, coordinates, depth - 1)
    kind = draft.pick(
        ["number", "number", "binary", "binary", "function", "function", "diff", "where", "power", "compare"]
    )
    if kind == "number":
        number = draft.pick(SANE if draft.chance(0.9) else NUMBERS)
        return f"({number} {draft.pick('+-*')} {a})" if draft.chance(0.5) else f"({a} {draft.pick('+-*/')} {number})"
    if kind == "power":
        return f"{a} ** {draft.pick(['2', '3', '0.5', '-1', '0', '400', '2.5'])}"
    if kind == "function":
        return f"{draft.pick(FUNCTIONS)}({a})"
    if kind == "diff" and coordinates:
        return f"pl.diff({a}, {draft.pick(coordinates)!r})"
    b = expression(draft, names, coordinates, depth - 1)
    if kind == "where":
        return f"torch.where({a} > {draft.pick(SANE)}, {a}, {b})"
    if kind == "compare":
        return f"torch.{draft.pick(['maximum', 'minimum', 'hypot', 'atan2'])}({a}, {b})"
    return f"({a} {draft.pick('+-*/')} {b})"


COUPLED = [
    "torch.mean({a})", "torch.sum({a})", "torch.cumsum({a}, 0)", "torch.sort({a})[0]", "torch.sort({a}).values",
    "torch.linalg.norm({a})", "torch.norm({a})", "torch.max({a})", "torch.flip({a}, (0,))", "torch.roll({a}, 1)",
    "torch.fft.fft({a}).real", "torch.real(torch.fft.fft({a}))", "torch.abs(torch.fft.fft({a}))",
    "torch.softmax({a}, 0)",
    "torch.var({a})", "torch.std({a})", "torch.diff({a}, prepend={a}[:1])", "torch.median({a})", "torch.prod({a})",
    "torch.logsumexp({a}, 0)", "torch.cumprod({a}, 0)", "torch.mean({a}, 0)", "torch.mean({a}, dim=0, keepdim=True)",
    "torch.stack([{a}, {a}], 1).mean()", "torch.nn.functional.normalize({a}, dim=0)", "torch.argsort({a})",
    "{a}.value.mean()",
    "torch.trapezoid({a})", "torch.nn.functional.conv1d({a}[None, None], torch.ones(1, 1, 3))", "{a}.value[0]",
    "{a}[0]",
    "torch.quantile({a}, 0.5)", "torch.cov({a})", "torch.dot({a}, {a})", "torch.outer({a}, {a})", "({a} @ {a})",
    "{a}.mean()",
    "{a}.sum()", "{a}.max()", "torch.median({a}).values",
]  # fmt: skip
"""Which mix points."""

MISUSED = [
    "{u}({u} - 1)", "{u}.{c}({u})", "float({u})", "int({u}.{c})", "len({u})", "math.sin({u})", "{u}[0]", "{u}.dx",
    "bool({u} > 0)",
    "({u}.{c} if {u} > 0 else {u})", "max({u}, 0)", "[v for v in {u}]", "{u}.item()", "{u}.detach()", "{u}.numpy()",
    "{u}.nothing", "{u}.reshape(-1, 1)", "{u}.__missing__()", "{u}.d('q')", "{u}.d(3)", "{u}.value.numpy()",
    "np.sum({u})", "np.linalg.norm({u})", "np.asarray({u})", "np.interp({u}, [0, 1], [0, 1])", "{u}.backward()",
    "{u}.{c} == {u}",
    "{u}.{c} > {u}", "torch.nn.Linear(1, 1)({u}[:, None])", "{u} + torch.ones(3)", "{u}.value + torch.ones(7, 1)",
    "{u}[:, None]",
    "{u} + 1j", "1j * {u}.{c}", "{u} + 10**400", "{u}.value.add_(1.0)", "torch.sin_({u})", "{u} + 'a'", "{u} << 2",
    "not {u}", "~{u}",
    "{u} and {u}", "{u}.t_", "pl.diff({u})", "pl.diff({u}, 'q')", "pl.diff({u}.value, {c!r})", "pl.diff({u}, 3)",
    "{u}.value.detach()",
    "torch.zeros(5)", "torch.tensor(1.0)", "None", "1.0", "'u'", "[]", "[{u}]", "({u}, {u})", "{{}}", "{{1: {u}}}",
    "{{'a': None}}",
    "{{'a': {u}, 'b': 1.0}}", "np.ones(3)", "{u}.value.numpy", "lambda: {u}", "{{'': {u}}}", "...",
]  # fmt: skip


def equation(draft: Draft, unknowns: Sequence[str], coordinates: Sequence[str], parameters: Sequence[str]) -> str:
    """Text of one equation, which names some of all that there is."""
    given = [n for n in (*unknowns, *coordinates, *parameters) if n in unknowns or draft.chance(0.4)]
    u, c = draft.pick(unknowns), draft.pick(coordinates)
    base = f"{u}.{c}"
    order = draft.pick([1, 2, 2, 3])
    base = base + f" - 0.1 * {u}." + c * order if "t" not in coordinates else f"{u}.t - 0.1 * {u}.{c * order}"
    for other in unknowns:
        if other != u:
            base += f" + {other} * {u}"
    if draft.chance(0.12):
        coupled = draft.bad(COUPLED).format(a=draft.pick([u, f"{u}.{c}", f"({u} * {u})"]))
        body = f"{base} + {coupled}"
    elif draft.chance(0.13):
        body = draft.bad(MISUSED).format(u=u, c=c)
    elif draft.chance(0.03):
        body = f"raises({u})"
    elif draft.chance(0.04):
        body = f"{{'a': {base}, 'b': {base}}}"
    elif draft.chance(0.35):
        body = base + f" + {expression(draft, given, coordinates, draft.pick([1, 2, 3]))}"
    else:
        body = base
    if draft.chance(0.02):
        given.append(draft.bad(["nothing_of_this_name", "q"]))
    elif draft.chance(0.01):
        given.append(draft.bad(["*args", "**kwargs"]))
    return f"lambda {', '.join(given)}: {body}"


# -- conditions and parameters -------------------------------------------------------------------------------------------

BAD_VALUES = [
    "None", "'0'", "math.nan", "math.inf", "10**400", "1j", "[0.0]", "np.zeros(3)", "torch.zeros(3)",
    "pl.Uniform(0, 1)", "object()",
    "lambda q: q", "lambda *a: 0.0", "lambda **k: 0.0", "lambda: 'a'", "lambda: None", "lambda: np.zeros(3)",
    "lambda: [0.0, 1.0]",
    "lambda: torch.zeros(3)", "lambda: math.nan", "lambda: 1j", "lambda: {{}}", "lambda {x}: {x}[:3]",
    "lambda {x}: {x}[:, None]",
    "lambda {x}: np.sin({x})", "lambda {x}: np.asarray({x}) ** 2", "lambda {x}: {x}.value", "lambda {x}: {x}.mul_(2.0)",
    "lambda {x}: math.sin({x})", "lambda {x}: {x}.{x}",
    "lambda {x}: {x}[99]",
    "lambda {x}: torch.log(-1 - {x} * {x})", "lambda {x}: {x} + 1j", "lambda {x}: ({x}, {x})",
    "lambda {x}: torch.ones(7)",
    "lambda {x}: float({x})", "lambda {x}: {x}.numpy()",
    "sum",
    "lambda {x}: {x} if {x} > 0 else -{x}", "lambda {x}: torch.zeros(len({x}), 1)", "lambda {x}: 10**400",
    "lambda {x}: 10**400 * {x}",
    "torch.sin", "dict", "lambda {x}: {x} / 0 * 0", "lambda {x}: torch.fft.fft({x}).real",
]  # fmt: skip
MIXING_VALUES = [
    "lambda {x}: torch.mean({x})",
    "lambda {x}: torch.cumsum({x}, 0)",
    "lambda {x}: {x} - {x}.mean()",
    "lambda {x}: torch.sort({x})[0]",
]
"""Of initial states: on a side, where a coordinate is constant, they mix nothing."""
GOOD_VALUES = [
    "0.0", "1", "np.float64(0.5)", "torch.tensor(1.0)", "lambda: 0.0", "lambda {x}: 0.0 * {x}",
    "lambda {x}: torch.sin({x})",
    "lambda {x}: torch.where({x} > 0.5, 1.0, 0.0)", "lambda {x}: torch.exp(-{x})", "np.int64(2)",
    "lambda {x}: {x} * ({x} - 1)",
    "lambda {x}: TABLE[({x} * 3).long().clamp(0, 3)]", "lambda {x}: 1.0",
]  # fmt: skip


def value(draft: Draft, coordinates: Sequence[str], mixing: bool = False) -> str:
    """Text of what a condition prescribes."""
    x = draft.pick(coordinates) if coordinates else "x"
    if draft.chance(0.1):
        return draft.bad([*BAD_VALUES, *(MIXING_VALUES if mixing and coordinates else [])]).format(x=x)
    if draft.chance(0.02):
        return f"lambda {x}: raises({x})"
    return draft.pick(GOOD_VALUES).format(x=x)


BAD_OPTIONS = [
    "exact=3",
    "exact='yes'",
    "weight=0",
    "weight=-1.0",
    "weight=math.nan",
    "weight='1'",
    "weight=None",
    "weight=10**400",
    "weight=math.inf",
    "weight=1j",
    "weight=[1]",
    "exact=[]",
    "weight=True",
]
BAD_SIDES = [
    "on='q'",
    "on='q+'",
    "on=3",
    "on=['x']",
    "on=''",
    "on='t'",
    "on='x+-'",
    "on=1.5",
    "on=b'x'",
    "on=('x-', 'x+')",
]


def condition(draft: Draft, unknowns: Sequence[str], coordinates: Sequence[str], parameters: Sequence[str]) -> str:
    """Text of one condition."""
    u, space = draft.pick(unknowns), [c for c in coordinates if c != "t"]
    options: list[str] = []
    if draft.chance(0.05):
        options.append(draft.bad(BAD_OPTIONS))
    elif draft.chance(0.2):
        options.append(draft.pick(["exact=False", "weight=2", "weight=np.float64(3.0)", "exact=None"]))
    kinds = [
        "Dirichlet",
        "Dirichlet",
        "Neumann",
        "Robin",
        "Periodic",
        "Data",
        *["Initial"] * (3 if "t" in coordinates else 0),
    ]
    kind = draft.pick(kinds)
    if not space and kind not in ("Initial", "Data"):
        kind = "Initial"
    if draft.chance(0.01):
        return draft.bad([
            f"pl.{kind}()", "None", "3", "pl.Dirichlet", "'u=0'", "{'u': 0.0}", "lambda u: u", "pl.Data(points=3, u=[0.0])",
            "pl.Periodic()", "pl.Periodic(on=3)", "pl.Initial(0.0)", "pl.Dirichlet(on='x')", "pl.Robin(u=1.0)",
        ])  # fmt: skip
    if draft.chance(0.02) and kind != "Periodic":
        u = draft.bad(["q", "u_q", "nothing"])
    if kind == "Initial":
        return f"pl.Initial({', '.join([f'{u}={value(draft, space, mixing=True)}', *options])})"
    if kind == "Data":
        return data(draft, u, coordinates, options)
    if kind == "Periodic":
        if draft.chance(0.1):
            options.append(draft.bad(["unknowns='q'", "unknowns=3", "unknowns=('u', 3)", "unknowns=()"]))
        on = draft.pick(space) if draft.chance(0.95) else draft.bad(["q", "t", "x-", ""])
        return f"pl.Periodic({', '.join([f'on={on!r}', *options])})"
    if draft.chance(0.07):
        options.append(draft.bad(BAD_SIDES))
    elif draft.chance(0.3):
        options.append(f"on={draft.pick(space) + draft.pick(['', '-', '+'])!r}")
    if kind == "Robin":
        parts = [value(draft, coordinates) for _ in range(3)]
        return f"pl.Robin({', '.join([f'{u}=(' + ', '.join(parts) + ')', *options])})"
    return f"pl.{kind}({', '.join([f'{u}={value(draft, coordinates)}', *options])})"


def data(draft: Draft, unknown: str, coordinates: Sequence[str], options: Sequence[str]) -> str:
    """Text of measurements."""
    n = draft.pick([1, 2, 5])
    points = {c: f"np.full({n}, 0.3)" for c in coordinates}
    values = draft.pick(
        [f"np.zeros({n})", f"[0.5] * {n}", f"torch.ones({n})", f"lambda {coordinates[0]}: {coordinates[0]}"]
    )
    if draft.chance(0.3):
        wrong = draft.pick(coordinates)
        points[wrong] = draft.bad([
            "np.zeros(17)", "[]", "None", "'abc'", "[math.nan] * 3", "[[0.1], [0.2, 0.3]]", "[10**400]",
            "[99.0] * 5", "[1j]",
            "object()", "{'a': 1}", "[math.inf]", "lambda x: x",
        ])  # fmt: skip
    if draft.chance(0.1):
        values = draft.bad(
            [
                "np.zeros(23)",
                "[]",
                "None",
                "'a'",
                "[math.nan]",
                "np.zeros((5, 5))",
                "[10**400]",
                "lambda q: q",
                "[None]",
                "1j",
            ]
        )
    text = "{" + ", ".join(f"{name!r}: {array}" for name, array in points.items()) + "}"
    if draft.chance(0.05):
        text = draft.bad(["3", "None", "[0.1, 0.2]", "{}", "{'q': [0.1]}", "np.zeros((3, 2))", "{3: [0.1]}", "'x'"])
    return f"pl.Data({', '.join([f'points={text}', f'{unknown}={values}', *options])})"


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


# -- solvers and the arguments of solve ----------------------------------------------------------------------------------

GOOD_SOLVERS = [
    "pl.PINN()", "pl.CausalPINN()", "pl.HardConstraintMoE()", "pl.MultiDomainPINN(subdomains={'x': (0.5,)})",
    "pl.LagrangianPINN()",
    "pl.PINN(network=pl.MLP(width=5, depth=1), points=40)", "pl.PINN(windows=2)",
    "pl.HardConstraintMoE(experts={'x': 2})",
    "pl.HardConstraintMoE(network=pl.MLP(width=5, depth=1))", "pl.PINN(stages=pl.Adam(steps=2), points=20)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, overlap=0.5)", "pl.CausalPINN(slices=4, points=64)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface=('value', 'flux'), flux=lambda u: u.x)",
]  # fmt: skip
BAD_SOLVERS = [
    "pl.PINN", "3", "'pinn'", "pl.PINN(points=0)", "pl.PINN(points=1.5)", "pl.PINN(points='a')",
    "pl.PINN(points=True)", "pl.PINN(network=3)",
    "pl.PINN(network=pl.MLP)", "pl.PINN(stages=())", "pl.PINN(stages=3)", "pl.PINN(stages=pl.Adam)",
    "pl.PINN(sampling='a')", "pl.PINN(sampling=3)",
    "pl.PINN(sampling=['sobol'])", "pl.PINN(harmonics=0)", "pl.PINN(harmonics='a')", "pl.PINN(harmonics=1.5)",
    "pl.PINN(windows=0)",
    "pl.PINN(windows='a')", "pl.PINN(windows=1.5)", "pl.PINN(windows=None)", "pl.PINN(windows=(0.5, 'a'))",
    "pl.PINN(windows=(math.nan,))",
    "pl.PINN(warm_start='a')", "pl.PINN(warm_start=True)", "pl.PINN(condition_weight=0)",
    "pl.PINN(condition_weight='a')",
    "pl.PINN(condition_weight=math.nan)", "pl.PINN(condition_weight=math.inf)", "pl.PINN(condition_weight=None)",
    "pl.PINN(weighting=3)",
    "pl.PINN(weighting=pl.NTK)", "pl.PINN(boundary_points=-1)", "pl.PINN(condition_weight=10**400)",
    "pl.PINN(nothing=1)", "pl.PINN(windows=True)",
    "pl.CausalPINN(tolerances=())", "pl.CausalPINN(tolerances=3)", "pl.CausalPINN(tolerances=(1, 0))",
    "pl.CausalPINN(tolerances=('a',))",
    "pl.CausalPINN(delta=2)", "pl.CausalPINN(delta='a')", "pl.CausalPINN(slices=1)", "pl.CausalPINN(slices=2.5)",
    "pl.CausalPINN(slices='a')",
    "pl.CausalPINN(initial='a')", "pl.CausalPINN(steps_per_tolerance=0)", "pl.CausalPINN(tolerances=(math.nan,))",
    "pl.CausalPINN(delta=math.nan)",
    "pl.CausalPINN(initial=3)", "pl.CausalPINN(tolerances=(10**400,))", "pl.MultiDomainPINN()",
    "pl.MultiDomainPINN(subdomains=3)",
    "pl.MultiDomainPINN(subdomains={})", "pl.MultiDomainPINN(subdomains={'x': 'a'})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5, 0.5)})",
    "pl.MultiDomainPINN(subdomains={'x': (math.nan,)})", "pl.MultiDomainPINN(subdomains={'q': (0.5,)})",
    "pl.MultiDomainPINN(subdomains={'x': (99.0,)})", "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface=3)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_weight=0)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_weight='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_points=0)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_points='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, flux=3)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, overlap=2)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, overlap='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, network=torch.nn.Linear(2, 1))",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface={'value': 'a'})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface={'value': -1})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface={'value': math.nan})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_weight=math.inf)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_points=1.5)",
    "pl.MultiDomainPINN(subdomains={'x': (10**400,)})",
    "pl.MultiDomainPINN(subdomains=pl.Subdomains({'x': (0.5,)}, together=3))",
    "pl.MultiDomainPINN(subdomains=pl.Subdomains({'x': (0.5,)}, together=((0, 9),)))",
    "pl.MultiDomainPINN(subdomains={3: (0.5,)})",
    "pl.LagrangianPINN(trajectory=3)", "pl.LagrangianPINN(network=3)", "pl.LagrangianPINN(weighting='a')",
    "pl.LagrangianPINN(label_diffusion='a')",
    "pl.HardConstraintMoE(experts=3)", "pl.HardConstraintMoE(experts={'x': 'a'})",
    "pl.HardConstraintMoE(experts={'q': 2})",
    "pl.HardConstraintMoE(experts={'x': 0})", "pl.HardConstraintMoE(experts={'x': (99.0,)})",
    "pl.HardConstraintMoE(experts={'x': (0.5, 0.4)})",
    "pl.HardConstraintMoE(experts={'x': ('a',)})", "pl.HardConstraintMoE(degrees={'x': 2})",
    "pl.HardConstraintMoE(degrees={'q': 5})",
    "pl.HardConstraintMoE(degrees=3)", "pl.HardConstraintMoE(tolerance=2)", "pl.HardConstraintMoE(tolerance='a')",
    "pl.HardConstraintMoE(features='a')",
    "pl.HardConstraintMoE(most_experts=0)", "pl.HardConstraintMoE(most_experts='a')",
    "pl.HardConstraintMoE(network=3)", "pl.HardConstraintMoE(basis=0)",
    "pl.HardConstraintMoE(basis='a')", "pl.HardConstraintMoE(coupling='a')",
    "pl.HardConstraintMoE(stages=pl.LevenbergMarquardt())",
    "pl.HardConstraintMoE(ridge=-1)", "pl.HardConstraintMoE(ridge='a')", "pl.HardConstraintMoE(grid=3)",
    "pl.HardConstraintMoE(graded=3)",
    "pl.HardConstraintMoE(graded={'t': 0})", "pl.HardConstraintMoE(search=3)",
    "pl.HardConstraintMoE(condition_weight=-1)",
    "pl.HardConstraintMoE(basis=4, degrees={'x': 5})", "pl.HardConstraintMoE(condition_weight=math.nan)",
    "pl.HardConstraintMoE(experts={'x': True})",
    "pl.HardConstraintMoE(experts={'x': 10**9})", "pl.HardConstraintMoE(experts={'x': (math.nan,)})",
    "pl.HardConstraintMoE(batch=1.5)",
    "pl.HardConstraintMoE(network=pl.MLP(), graded={'q': 2.0})",
    "pl.HardConstraintMoE(network=pl.MLP(), experts={'q': 2})",
    "pl.HardConstraintMoE(network=pl.MLP(), grid={'x': 16})", "pl.HardConstraintMoE(tolerance=math.nan)",
    "pl.HardConstraintMoE(degrees={'x': True})",
    "pl.PINN(network=pl.MLP(width=0))", "pl.PINN(network=pl.MLP(width='a'))", "pl.PINN(network=pl.MLP(depth=-1))",
    "pl.PINN(network=pl.MLP(activation='a'))",
    "pl.PINN(network=pl.MLP(width=1.5))", "pl.PINN(stages=pl.Adam(steps=0))",
    "pl.PINN(stages=pl.Adam(learning_rate='a'))", "pl.PINN(stages=pl.LBFGS(steps=-1))",
    "pl.PINN(stages=pl.LevenbergMarquardt(steps='a'))", "pl.PINN(stages=pl.SSBroyden(steps=None))",
    "pl.PINN(stages=pl.Adam(learning_rate=math.nan))",
    "pl.PINN(stages=pl.SOAP(steps=1.5))", "pl.PINN(weighting=pl.NTK(momentum='a'))",
    "pl.PINN(weighting=pl.GradientNorm(every=0))",
    "pl.PINN(network=torch.nn.Linear(17, 1))", "pl.PINN(network=torch.nn.Linear(2, 17))",
    "pl.PINN(network=pl.FNO())", "pl.PINN(network=torch.nn.ReLU())",
    "pl.PINN(stages=pl.SketchedGaussNewton(steps=0))", "pl.PINN(network=torch.nn.Identity())",
]  # fmt: skip
BAD_SOLVE = [
    "callbacks=None", "callbacks=3", "callbacks=[3]", "callbacks='a'", "callbacks=['a']", "callbacks={'a': 1}",
    "callbacks=lambda: None",
    "callbacks=[lambda: None]", "callbacks=[lambda a, b: None]", "checkpoint=''", "checkpoint=3", "checkpoint=True",
    "checkpoint=[]",
    "checkpoint='/'", "checkpoint=b'a'", "checkpoint='a\\0b'", "checkpoint=pl.Checkpoint('')",
    "checkpoint=pl.Checkpoint(3)",
    "checkpoint=pl.Checkpoint('a', every_seconds=-1)", "checkpoint=pl.Checkpoint('a', every_seconds='a')",
    "checkpoint=pl.Checkpoint",
    "checkpoint=pl.Checkpoint('a', every_seconds=math.nan)", "max_seconds=True", "max_seconds=math.nan",
    "max_seconds='5'", "max_seconds=0",
    "max_seconds=-1", "max_seconds=10**400", "max_seconds=math.inf", "max_seconds=1j", "max_seconds=[5]",
    "max_seconds=np.nan",
    "target_error=0", "target_error='a'", "target_error=math.nan", "target_error=True", "target_error=-1",
    "seed=1.5", "seed=-1",
    "seed='a'", "seed=None", "seed=True", "seed=10**40", "seed=[1]", "device='tpu'", "device=3.5",
    "device='cuda:99'", "device=''", "device=[]",
    "device='meta'", "dtype='float64'", "dtype=torch.int64", "dtype=float", "dtype=np.float64", "dtype=torch.float16",
    "dtype=torch.complex128", "dtype=3", "threads=0", "threads=1.5", "threads='a'", "threads=None", "threads=True",
    "threads=10**9",
    "parallel='a'", "parallel=None", "parallel=3", "parallel=True", "parallel=['auto']", "progress='a'",
    "progress=None", "progress=3", "nothing=1",
    "problem=problem", "start=3", "solver='a'",
]  # fmt: skip
GOOD_SOLVE = [
    "seed=3",
    "seed=np.int64(2)",
    "threads=1",
    "callbacks=[lambda r: None]",
    "callbacks=(lambda r: True,)",
    "dtype=torch.float64",
    "device='cpu'",
]
BAD_REFERENCE_CALLS = [
    "pl.reference_solution(3)", "pl.reference_solution(problem, resolution='a')",
    "pl.reference_solution(problem, resolution=3)",
    "pl.reference_solution(problem, resolution=math.nan)", "pl.reference_solution(problem, tolerance=0)",
    "pl.reference_solution(None)",
    "pl.reference_solution(problem, tolerance='a')", "pl.reference_solution(problem, times='a')",
    "pl.reference_solution(problem, times=3)",
    "pl.reference_solution(problem, times=[math.nan])", "pl.reference_solution(problem, max_seconds='a')",
    "pl.reference_solution(pl.Box)",
    "pl.reference_solution(problem, max_seconds=math.nan)", "pl.reference_solution(problem, resolution=8.5)",
    "pl.reference_solution(problem, max_seconds=-1)", "pl.reference_solution(problem, resolution=math.inf)",
    "pl.reference_solution(problem, resolution=True)", "pl.reference_solution(problem, tolerance=math.nan)",
    "pl.reference_solution(problem, times=[])", "pl.reference_solution(problem, times=[99.0])",
]  # fmt: skip
BAD_MEMBERS = [
    "problem.at(nothing=1.0)", "problem.at(k=None)", "problem.at(k='a')", "problem.at(k=math.nan)",
    "problem.at(k=10**400)", "problem.at(u=1.0)",
    "problem.at(k=[1.0])", "problem.at(k=1j)", "problem.at(3)", "problem.sample(3)", "problem.sample(None)",
    "problem.replace(nothing=1)",
    "problem.replace(unknowns=3)", "problem.replace(domain=None)", "problem.replace(conditions=3)",
    "problem.replace(name=3)",
    "problem.sample(random)", "problem.sample(np.random)", "problem.replace(parameters=3)",
    "problem.replace(equations=[])",
]  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """What went wrong with one declaration.

    Attributes:
        kind: the exception and where it came from, or what was accepted.
        text: the declaration.
        detail: the message.
    """

    kind: str
    text: str
    detail: str


class Runner:
    """Runs declarations and collects failures; ``counts`` says how they ended."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.counts: collections.Counter[str] = collections.Counter()

    def attempt(self, text: str, names: dict[str, Any], planted: Sequence[str], whole: str = "") -> bool:
        """Run a piece of text; whether nothing was raised. ``planted``: what should have made that impossible."""
        silent = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        whole = f"{whole}\n{text}".strip()
        own = False
        try:
            with warnings.catch_warnings(), silent[0], silent[1]:
                warnings.simplefilter("error")
                # torch's own, of NumPy's functions of its tensors
                warnings.filterwarnings("ignore", "__array_wrap__")
                exec(compile(text, "<declaration>", "exec"), names)
        except (ValueError, TypeError) as error:
            if isinstance(error, Mine) or str(error).strip():
                self.counts["refused"] += 1
            else:
                self._fail("a refusal without a word", whole, error)
            return False
        except Mine:
            own = True
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self._fail(f"{type(error).__name__} from {_origin(error)}", whole, error)
            return False
        if own:
            self.counts["own exception"] += 1
            return False
        if planted:
            for what in planted:
                self.failures.append(Failure(f"accepted: {what}", whole, "nothing was raised"))
            return False
        self.counts["accepted"] += 1
        return True

    def _fail(self, kind: str, text: str, error: BaseException) -> None:
        self.failures.append(Failure(kind, text, f"{type(error).__name__}: {error}"))


def _origin(error: BaseException) -> str:
    """Where in the package an exception came out of, as file:function."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if "pinnlab" in f.filename and "benchmarks" not in f.filename]
    frame = inside[-1] if inside else frames[-1]
    return f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.name}"


def namespace() -> dict[str, Any]:
    """The names that declarations use."""
    return {
        "pl": pl, "torch": torch, "np": np, "math": math, "raises": raises, "random": random,
        "TABLE": torch.tensor([1.0, 2.0, 0.5, 0.25], dtype=torch.float64),
    }  # fmt: skip


SOUND = """problem = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns='u',
    equations=lambda u, k: u.t - k * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    parameters={'k': 0.1},
    velocity=1.0,
)"""
"""A sound problem, for solvers and arguments of solve."""


def run_one(seed: int, runner: Runner) -> None:
    """Make and run the declaration of a seed."""
    draft = Draft(random.Random(seed))
    names = namespace()
    if draft.chance(0.22):
        assert runner.attempt(SOUND, names, ())
        text, planted = _call(draft)
        runner.attempt(text, names, planted, SOUND)
        return
    text = declaration(draft)
    if not runner.attempt(text, names, draft.planted):
        return
    after = ["str(problem.check())", "repr(problem)", "problem.sample(np.random.default_rng(0))", "problem.context()"]
    for step in after:
        if runner.attempt(step, names, (), text):
            continue
    solver = draft.pick(GOOD_SOLVERS)
    runner.attempt(f"({solver}).obstacle(problem)", names, (), text)
    if draft.chance(SHARE_SOLVED):
        runner.attempt(f"pl.solve(problem, {solver}, max_seconds=0.05, progress=False)", names, (), text)
    elif draft.chance(0.1):
        settings = "pinnlab_plans.Settings(torch.device('cpu'), torch.float64, 0)"
        names["pinnlab_plans"] = __import__("pinnlab.training.plans", fromlist=["Settings"])
        runner.attempt(f"({solver}).plan(problem, {settings})", names, (), text)


def text_of(seed: int) -> str:
    """The declaration of a seed, or its call with the sound problem."""
    draft = Draft(random.Random(seed))
    return f"{_call(draft)[0]}" if draft.chance(0.22) else declaration(draft)


def _call(draft: Draft) -> tuple[str, list[str]]:
    """A call with a sound problem, and what is impossible in it."""
    kind = draft.pick(["solver", "solver", "solver", "solve", "solve", "reference", "member"])
    if kind == "reference":
        return draft.bad(BAD_REFERENCE_CALLS), draft.planted
    if kind == "member":
        return draft.bad(BAD_MEMBERS), draft.planted
    if kind == "solver":
        options = ["max_seconds=0.05", "progress=False"]
        return f"pl.solve(problem, {draft.bad(BAD_SOLVERS)}, {', '.join(options)})", draft.planted
    solver = draft.pick(["pl.PINN(stages=pl.Adam(steps=1), points=20)", "pl.HardConstraintMoE()", "None", "None"])
    options = [f"problem, {solver}", draft.bad(BAD_SOLVE)]
    if not options[1].startswith("max_seconds"):
        options.append("max_seconds=0.05")
    if not options[1].startswith("progress"):
        options.append("progress=False")
    return f"pl.solve({', '.join(options)})", draft.planted


def main(arguments: Sequence[str] | None = None) -> None:
    """Run declarations and print the kinds of failures, with an example each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="number of declarations")
    parser.add_argument("--seed", type=int, default=0, help="of the first one")
    parser.add_argument("--json", type=Path, help="where to write counts and kinds")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds after which no declaration is begun")
    parser.add_argument("--only", type=int, help="show the declaration of one seed")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    runner, began = Runner(), time.perf_counter()
    show: Callable[..., None] = functools.partial(print, flush=True)
    if given.only is not None:
        given.seed, given.count = given.only, 1
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for seed in range(given.seed, given.seed + given.count):
            if time.perf_counter() - began > given.limit:
                given.count = seed - given.seed
                break
            before, since = len(runner.failures), time.perf_counter()
            if given.only is not None:
                show(text_of(seed))
            run_one(seed, runner)
            for failure in runner.failures[before:]:
                object.__setattr__(failure, "detail", f"[seed {seed}] {failure.detail}")
            if time.perf_counter() - since > 20:
                show(f"seed {seed} took {time.perf_counter() - since:.0f} s")
    kinds: dict[str, list[Failure]] = {}
    for failure in runner.failures:
        kinds.setdefault(failure.kind, []).append(failure)
    for kind, found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        shortest = min(found, key=lambda f: len(f.text))
        show(f"\n## {len(found)} x {kind}\n{shortest.detail[:400]}\n{shortest.text}")
    seconds = time.perf_counter() - began
    show(f"\n{given.count} declarations in {seconds:.0f} s: {dict(runner.counts)}; {len(runner.failures)} failures")
    if given.json is not None:
        result = {
            "declarations": given.count, "seed": given.seed, "outcomes": dict(sorted(runner.counts.items())),
            "failures": len(runner.failures), "kinds": {kind: len(found) for kind, found in kinds.items()},
        }  # fmt: skip
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
