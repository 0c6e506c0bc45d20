"""Conditions and data."""

from __future__ import annotations

from collections.abc import Sequence

from drafts.draft import Draft

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
