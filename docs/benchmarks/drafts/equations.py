"""Equations made of random expressions."""

from __future__ import annotations

from collections.abc import Sequence

from drafts.draft import Draft

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
