"""The gallery: one default call each of problems and statements, with a small picture.

    python docs/benchmarks/gallery.py [--only burgers heat_robin] [--seconds 60] [--resume] [--out docs/benchmarks]

Seconds are those of the process. Errors are those against exact or reference solutions where there are any, else what
``report()`` estimates. Writes gallery.json and gallery.md after every card, and pictures to docs/images/gallery.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

import matplotlib  # noqa: E402

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from shown.cards import CARDS, FIELDS, Card  # noqa: E402

import pinnlab as pl  # noqa: E402
from pinnlab.bench.provenance import commit, provenance  # noqa: E402
from pinnlab.pictures.figures import draw_unknown, views  # noqa: E402
from pinnlab.pictures.found import draw_function  # noqa: E402
from pinnlab.pictures.panels import finite_range  # noqa: E402
from pinnlab.pictures.solids import plot_surface  # noqa: E402

HERE = Path(__file__).parent
PICTURES = HERE.parent / "images" / "gallery"
REACHED = 41
"""Times that are tried for the last state that was reached."""


def problem_of(card: Card) -> pl.Problem:
    """What is to be solved."""
    if not isinstance(card.source, str):
        return card.source().problem
    whole = pl.load_problem(card.source)
    return whole.at(**card.member) if card.member else whole


def picture(solution: pl.Solution, card: Card, path: Path) -> None:
    """One unknown or function that was found, without a scale of colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(3.2, 2.5), layout="constrained")
    found = solution.coefficients.get(card.unknown)
    if callable(found):
        draw_function([axes], card.unknown, found)
        axes.set_title("")
    elif len(solution.problem.domain.space) == 3:
        plt.close(figure)
        name = card.unknown or solution.problem.unknowns[0]
        figure = plot_surface(solution, name, card.at)
    else:
        draw_view(solution, card, axes)
    if len(figure.axes) > 1:
        figure.axes[-1].remove()
    figure.savefig(path, dpi=100, bbox_inches="tight", pil_kwargs={"optimize": True})
    plt.close(figure)


def draw_view(solution: pl.Solution, card: Card, axes: Axes) -> None:
    """An unknown at the card's time, or at the last one before that was reached."""
    problem, name = solution.problem, card.unknown or solution.problem.unknowns[0]
    asked = [*card.at.values()]
    instants = np.linspace(asked[0], problem.domain.time_interval[0], REACHED) if asked else [None]
    for instant in instants:
        (view, *_) = views(problem, None if instant is None else np.array([instant]))
        found = view.of_solution(solution)
        values = found.get(name, next(iter(found.values())))  # complex ones have other names
        if np.isfinite(values).any():
            break
    draw_unknown(axes, view, values, name if name in found else next(iter(found)), finite_range([values]))
    late = instant is not None and instant != asked[0]
    axes.set_title(f"{next(iter(card.at))} = {instant:.3g}, the last that was reached" if late else "", fontsize=9)


def measured(card: Card, seconds: float) -> dict[str, Any]:
    """One call, its errors and its verdict."""
    problem = problem_of(card)
    solution = pl.solve(problem, max_seconds=seconds, progress=False)
    report = solution.report(max_seconds=seconds)
    known = {} if problem.reference is None else solution.error()
    estimated = {} if report.estimate is None else report.estimate.errors
    picture(solution, card, PICTURES / f"{card.name}.png")
    return {
        "name": card.name, "solver": type(solution.solver).__name__, "seconds": solution.seconds,
        "error": max(known.values(), default=math.nan), "estimate": max(estimated.values(), default=math.nan),
        "verdict": report.verdict.value, "commit": commit(),
    }  # fmt: skip


def words(row: dict[str, Any]) -> str:
    """Error, time, solver and verdict, on one line."""
    errors = [f"{what} {row[key]:.0e}" for key, what in (("error", "error"), ("estimate", "estimated error"))
              if math.isfinite(row[key])]  # fmt: skip
    took = f"{row['seconds']:.0f} s" if row["seconds"] >= 1 else "below 1 s"
    return ", ".join([*errors[:1], took, row["solver"], row["verdict"]])


def page(rows: dict[str, dict[str, Any]]) -> str:
    """The cards, by field."""
    lines = []
    for field in FIELDS:
        shown = [card for card in CARDS if card.field == field and card.name in rows]
        if not shown:
            continue
        lines += [f"## {field}", "", "::::{container} gallery", ""]
        for card in shown:
            call = f"`{card.source}`" if isinstance(card.source, str) else f"`docs/benchmarks/said`: `{card.name}`"
            lines += [
                ":::{container} card", f"![{card.title}](images/gallery/{card.name}.png)", "",
                f"**{card.title}** ({card.task})", "", call, "", words(rows[card.name]), ":::", "",
            ]  # fmt: skip
        lines += ["::::", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of cards")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--resume", action="store_true", help="only cards that are not in the file")
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    path = given.out / "gallery.json"
    rows = {row["name"]: row for row in json.loads(path.read_text())["rows"]} if path.exists() else {}
    for card in CARDS:
        if (given.only and card.name not in given.only) or (given.resume and card.name in rows):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows[card.name] = measured(card, given.seconds)
        except (ValueError, TypeError) as error:
            print(f"{card.name}: {error}", flush=True)
            continue
        print(f"{card.name}: {words(rows[card.name])}", flush=True)
        result = {"provenance": provenance("python docs/benchmarks/gallery.py"), "rows": list(rows.values())}
        path.write_text(json.dumps(result, indent=1) + "\n")
        (given.out / "gallery.md").write_text(page(rows))


if __name__ == "__main__":
    main()
