"""The results of a bench for people: a Markdown table, and a figure of errors against time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, NullFormatter

from pinnlab.algebra.largest import largest
from pinnlab.bench.peers import is_peer
from pinnlab.bench.results import FAILED, Baseline, Results, Run
from pinnlab.pictures.panels import COLORS, Picture, save

TIMES = (10.0, 30.0, 60.0, 120.0, 180.0)
_SMALLEST = 1e-16
GroupKey = tuple[str, str, float]


def write_all(results: Results, folder: Path) -> tuple[Path, Path, Path]:
    """Write ``results.json``, ``results.md`` and ``results.png``; returns their paths."""
    paths = folder / "results.json", folder / "results.md", folder / "results.png"
    results.write(paths[0])
    paths[1].write_text(markdown(results), encoding="utf-8")
    save(figure(results), paths[2])
    return paths


def groups(results: Results) -> dict[GroupKey, list[Run]]:
    """Runs that differ in their seed only, those of a problem together."""
    problems = list(dict.fromkeys(run.problem for run in results.runs))
    found: dict[GroupKey, list[Run]] = {}
    for run in sorted(results.runs, key=lambda run: problems.index(run.problem)):
        found.setdefault((run.problem, run.solver, run.max_seconds), []).append(run)
    return found


_SHORTEST = 1e-4
"""Times that are shown, as a share of the longest."""


def markdown(results: Results) -> str:
    """The table, with where it ran above it and how to read it below."""
    where = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    commits = sorted({run.commit for run in results.runs if run.commit}) or [where["commit"] or "unknown"]
    lines = [
        "# Benchmark",
        "",
        f"- machine: {where['cpu']}, {where['cores']} cores, {where['threads']} torch threads, on {where['device']}",
        f"- versions: {versions}",
        f"- commit: {', '.join(commits)}",
        f"- date: {where['date']}",
        f"- command: `{where['command']}`",
        "",
    ]
    reached = max((run.max_seconds for run in results.runs), default=0.0)
    lines += table(results, [t for t in TIMES if t <= reached])
    return "\n".join([*lines, "", *remarks(results), ""])


def table(results: Results, times: Sequence[float] = ()) -> list[str]:
    """The lines of a Markdown table: a row for each problem, solver and budget, over the seeds.

    Args:
        results: what to show.
        times: training times at which errors are shown as well.
    """
    head = ["problem", "solver", "seeds", "error: median [min, max]", "seconds"]
    head += [f"error at {t:g} s" for t in times]
    head += ["classical: estimated error", "classical, s", "published"]
    lines = [_row(head), _row(["---"] * len(head))]
    baselines = {row.problem: row for row in results.baselines}
    for (problem, solver, _), runs in groups(results).items():
        row = baselines.get(problem, Baseline(problem))
        good = [run for run in runs if run.status != FAILED]
        cells = [problem, _named(solver, good), str(len(good)), _errors(good)]
        cells += [_median([run.seconds for run in good], "{:.1f}")]
        cells += [_median([run.error_at(t) for run in good], "{:.1e}") for t in times]
        cells += [_number(row.estimate, "{:.1e}"), _number(row.seconds, "{:.2f}"), row.published or "-"]
        lines.append(_row(cells))
    return lines


def figure(results: Results) -> Figure:
    """Error against training time, a panel for each problem: median and range over the seeds, the classical solver."""
    problems = list(dict.fromkeys(run.problem for run in results.runs))
    columns = max(1, min(3, len(problems)))
    rows = max(1, math.ceil(len(problems) / columns))
    picture = Picture(5.2 * columns, 4.0 * rows)
    places = picture.subplots(rows, columns, squeeze=False).reshape(-1)
    baselines = {row.problem: row for row in results.baselines}
    for axes, problem in zip(places, problems, strict=False):
        kinds = [(key, runs) for key, runs in groups(results).items() if key[0] == problem]
        for (_, solver, budget), runs in kinds:
            same = sum(key[1] == solver for key, _ in kinds)
            label = solver if same == 1 else f"{solver}, {budget:g} s"
            _draw_runs(axes, [r for r in runs if r.errors], label, COLORS[len(axes.containers) % len(COLORS)])
        _draw_baseline(axes, baselines.get(problem))
        axes.set(xscale="log", yscale="log", xlabel="time (s)", ylabel="relative L2 error")
        longest = max(run.seconds for _, runs in kinds for run in runs)
        if longest > 0:  # a first look before any step would stretch the axis over what nobody asks
            least = min([longest * _SHORTEST, *(row.seconds for row in [baselines.get(problem)] if row)])
            axes.set_xlim(left=max(axes.get_xlim()[0], least))
        _whole_decades(axes)
        axes.set_title(problem, fontsize=10)
        axes.grid(alpha=0.25)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8.5)
    for axes in places[len(problems) :]:
        axes.set_axis_off()
    return picture


def median_curve(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times, and the median, least and largest error over runs of one window at each: four arrays (n,).

    A run's error between records is that of its last one.
    """
    times = np.unique(np.concatenate([run.curve["seconds"] for run in runs]))
    times = times[times >= max(run.curve["seconds"][0] for run in runs)]
    values = np.array([[run.error_at(t) for t in times] for run in runs])
    return times, np.median(values, axis=0), values.min(axis=0), values.max(axis=0)


def _draw_runs(axes: Axes, runs: list[Run], label: str, color: str) -> None:
    if not runs:
        return
    curves = [run for run in runs if run.windows == 1 and run.curve.get("seconds")]
    if curves:
        times, middle, low, high = median_curve(curves)
        axes.fill_between(times, _shown(low), _shown(high), color=color, alpha=0.2, lw=0)
        axes.plot(times, _shown(middle), color=color, lw=1.8)
    for run in runs:
        if run.windows > 1:
            # before the last window there is no error of the whole, so this shows the windows' own, faintly
            axes.plot(run.curve["seconds"], _shown(run.curve["error"]), color=color, lw=0.6, alpha=0.5, ls=":")
    final = _shown([run.error for run in runs])
    middle_final = float(np.median(final))
    spread = [[middle_final - final.min()], [final.max() - middle_final]]
    seconds = float(np.median([run.seconds for run in runs]))
    axes.errorbar([seconds], [middle_final], yerr=spread, fmt="o", color=color, ms=5, capsize=3, label=label)


def _draw_baseline(axes: Axes, row: Baseline | None) -> None:
    if row is not None and math.isfinite(row.estimate):
        axes.plot(
            [row.seconds], _shown([row.estimate]), "*", color="0.15", ms=11, ls="", label="classical (its estimate)"
        )


def _whole_decades(axes: Axes) -> None:
    """From one power of ten to another, so that the axis of times can be read however short it is."""
    low, high = axes.get_xlim()
    axes.set_xlim(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _shown(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Errors that a logarithmic axis can show."""
    return np.maximum(np.asarray(values, dtype=float), _SMALLEST)


def remarks(results: Results) -> list[str]:
    """How to read the table, and what failed: paragraphs with empty lines between them."""
    lines = [
        "Errors are relative L2 over a grid of the whole domain (the largest over the unknowns where one number is "
        "given), against the problem's reference, or the classical solution where it has none. Seconds are "
        "those that the solve says it took; the classical solver's include its error estimate."
    ]
    if not all(math.isnan(run.together) for run in results.runs):
        lines.append("Of several unknowns together it is relative to the norm of all of them, as PINNacle measures.")
    if any(run.windows > 1 for run in results.runs):
        lines.append("Runs in several time windows have no error of the whole before the last window is done (-).")
    peers = [run for run in results.runs if is_peer(run.solver) and run.configuration]
    if peers:
        lines.append(
            "Other packages train the same network on as many points, with the same conditions built in, on one "
            "thread for the same time."
        )
    lines += dict.fromkeys(f"{run.problem}, {run.solver}: {run.configuration}." for run in peers)
    lines += [
        f"{run.problem}, {run.solver}, seed {run.seed} failed: {run.message}"
        for run in results.runs
        if run.status == FAILED
    ]
    return [part for line in lines for part in (line, "")][:-1]


def _named(solver: str, runs: list[Run]) -> str:
    """What was asked for, and, where that does not say it, which method it was: ``recipe: CausalPINN``."""
    methods = {run.configuration.partition("(")[0] for run in runs} - {""}
    return f"{solver}: {methods.pop()}" if solver in ("recipe", "auto") and len(methods) == 1 else solver


def _errors(runs: list[Run]) -> str:
    """``1.0e-4 [9.0e-5, 2.0e-4]``, for each unknown where there are several."""
    unknowns = list(runs[0].errors) if runs else []
    parts = []
    for unknown in unknowns:
        values = [run.errors[unknown] for run in runs if unknown in run.errors]
        parts.append(_spread(values) if len(unknowns) == 1 else f"{unknown} {_spread(values)}")
    if together := [run.together for run in runs if not math.isnan(run.together)]:
        parts.append(f"together {_spread(together)}")
    return "; ".join(parts) or "-"


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.1e}"
    return f"{np.median(values):.1e} [{min(values):.1e}, {largest(values):.1e}]"


def _median(values: list[float], form: str) -> str:
    return _number(float(np.median(values)) if values else math.nan, form)


def _number(value: float, form: str) -> str:
    return form.format(value) if math.isfinite(value) else "-"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
