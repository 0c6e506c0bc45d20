"""Domains, possible and not."""

from __future__ import annotations

import pinnlab as pl
from drafts.draft import Draft

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
