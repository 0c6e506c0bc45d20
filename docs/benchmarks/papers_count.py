"""How much of the four papers one command makes again, and whether the order of what was published is kept.

    python docs/benchmarks/papers_count.py

Reads the results of ``pinnlab reproduce`` in ``docs/benchmarks/papers``, and of the scripts beside it. Writes
``papers/count.md``, which docs/papers.md includes.

An experiment is a table, a figure, or that part of one which has an equation or a parameter of its own: the errors over the
speed of convection are as many experiments as there are speeds. The list is of what is known here of the papers' texts,
figures and code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pinnlab.bench.papers.experiment import Variant
from pinnlab.bench.papers.library import PAPERS, experiments
from pinnlab.bench.papers.table import Table, medians, same_order
from pinnlab.papers.lagrangian import PUBLISHED as SPEEDS
from pinnlab.training.status import Status

HERE = Path(__file__).parent
ABSENT = "-"
FAILED = {status.name for status in Status if not status.ok}
"""Ends after which a row keeps no order, whatever its error is."""


_CONSTRAINTS = ("in the loss (PI-SC)", "one hard constraint (PI-HC)", "experts (PI-HC-MoE)")


@dataclass(frozen=True)
class Found:
    """What was made of an experiment.

    Attributes:
        published, here: in words.
        kept: whether the order is that of the paper, or the one published number is reached; None where nothing that was
            published can be compared.
    """

    published: str
    here: str
    kept: bool | None


@dataclass(frozen=True)
class Item:
    """One experiment of a paper.

    Attributes:
        paper, where, what: in words.
        experiment: of ``pinnlab reproduce``; "" where there is none.
        case: of its rows; "" for all.
        claims: a row, and others that it is to be as good as, where the paper tells so and its numbers are not at hand.
        script: another command that makes it.
        read: what that has found.
    """

    paper: str
    where: str
    what: str
    experiment: str = ""
    case: str = ""
    claims: tuple[str, ...] = ()
    script: str = ""
    read: Callable[[], Found] | None = None

    @property
    def command(self) -> str:
        """What makes it again."""
        return f"pinnlab reproduce {self.paper} {self.experiment}" if self.experiment else self.script


def compared(variants: Sequence[Variant], made: dict[str, float], claims: Sequence[str] = ()) -> Found:
    """Rows that were made beside what was published of them.

    The order is that of the published numbers, or that of the claims. One number that stands alone is to be reached.
    """
    if claims:
        first, *others = (made.get(name, math.nan) for name in claims)
        said = f"{claims[0]} before " + ", ".join(claims[1:])
        return Found(said, ", ".join(f"{e:.2g}" for e in (first, *others)), all(first <= other for other in others))
    known = [v for v in variants if math.isfinite(v.published)]
    published = ", ".join(f"{v.name.removesuffix(', ' + v.case)} {v.published:.3g}" for v in known)
    here = ", ".join(f"{made.get(v.name, math.nan):.2g}" for v in known)
    if len(known) == 1:
        return Found(published, here, made.get(known[0].name, math.nan) <= known[0].published)
    return Found(published or ABSENT, here or ABSENT, same_order(variants, made))


def reproduced(item: Item, folder: Path) -> Found | None:
    """What ``pinnlab reproduce`` made of an item; None where it has made no row of it yet."""
    (experiment,) = [e for e in experiments(item.paper) if e.name == item.experiment]
    path = folder / item.paper / f"{item.experiment}.small.json"
    if not path.exists():
        return None
    variants = [v for v in experiment.variants if item.case in ("", v.case)]
    table = Table.read(path)
    made = medians(experiment, table)
    if not any(v.name in made for v in variants):
        return None
    mine = compared(variants, made, item.claims)
    counted = item.claims or [v.name for v in variants if math.isfinite(v.published)]
    failed = any(row.measured.status in FAILED for row in table.rows if row.variant in counted)
    return replace(mine, kept=False) if failed and mine.kept else mine


def _read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def finer(nodes: int) -> Callable[[], Found]:
    """Navier-Stokes on a grid of so many nodes along x and y, by the networks of the coarse one."""

    def read() -> Found:
        path = HERE / "papers" / "pi_hc_moe" / "navier_stokes.small.json"
        rows = {
            r.variant: r.measured.details[f"{nodes} nodes"] for r in Table.read(path).rows if r.variant in _CONSTRAINTS
        }
        errors = [rows[name] for name in _CONSTRAINTS]
        best = errors[-1] == min(errors)
        return Found("experts lowest (box plot)", ", ".join(f"{e:.2g}" for e in errors), best)

    return read


def speed_up(step: str, published: str) -> Callable[[], Found]:
    """Time of one constraint of so many functions over that of as many for each of four experts, over the points."""

    def read() -> Found:
        rows = [r for r in _read("experts.json")["experts"] if (r["experts"], r["task"]) == (4, step)]
        ratios = [r["ms"]["one, equal bases"] / r["ms"]["experts"] for r in rows]
        return Found(published, ", ".join(f"{r:.1f}" for r in ratios), all(r > 1 for r in ratios))

    return read


def kernel() -> Found:
    """Rates of convergence of plain training: larger at later times than at earlier ones, whenever they were looked at."""
    table = Table.read(HERE / "papers" / "causal" / "kernel.small.json")
    (plain,) = [row for row in table.rows if row.variant == "plain, MLP"]
    ratios = plain.measured.details
    said = ", ".join(f"{ratio:.2g} after {steps}" for steps, ratio in ratios.items())
    return Found("larger at later times than at earlier ones", said, min(ratios.values()) > 1)


def between() -> Found:
    """Errors over tolerances: the authors' 100 is ahead of 1 and of 10,000, as too small and too large ones."""
    rows = {
        row.variant: row.measured.error for row in Table.read(HERE / "papers" / "causal" / "tolerances.small.json").rows
    }
    errors = [rows[f"epsilon = {epsilon:g}"] for epsilon in (0.01, 1.0, 100.0, 10_000.0)]
    return Found("100 best", ", ".join(f"{e:.2g}" for e in errors), errors[2] < min(errors[1], errors[3]))


def batches() -> Found:
    """Errors over the points of a window: all at most the largest that was published."""
    rows = Table.read(HERE / "papers" / "causal" / "batch.small.json").rows
    errors = [row.measured.error for row in rows]
    return Found("0.003 to 0.008", ", ".join(f"{e:.2g}" for e in errors), max(errors) <= 0.008)


def rugged() -> Found:
    """Roughness of loss landscapes: the PINN's grows with c, and the Lagrangian PINN's is smaller wherever c is not 0."""
    rows = {
        r.variant: r.measured.error for r in Table.read(HERE / "papers" / "lagrangian" / "landscapes.small.json").rows
    }
    plain, moving = ([rows[f"{name}, c = {c}"] for c in (0, 30, 50)] for name in ("PINN", "Lagrangian PINN"))
    said = "; ".join(", ".join(f"{r:.2g}" for r in found) for found in (plain, moving))
    grows = plain[0] < plain[1] <= plain[2]
    return Found(
        "PINN rugged as c grows, Lagrangian smooth", said, grows and moving[1] < plain[1] and moving[2] < plain[2]
    )


def regret() -> Found:
    """Mean regret of the first and of the last 50 of 200 plays, the largest ratio over families and policies."""
    means: dict[tuple[str, str], list[float]] = {}
    for run in _read("interface_bandits.json"):
        if run["policy"] in ("ucb", "thompson"):
            early, late = sum(run["regret"][:50]), sum(run["regret"][-50:])
            total = means.setdefault((run["family"], run["policy"]), [0.0, 0.0])
            total[0], total[1] = total[0] + early, total[1] + late
    worst = max(late / early for early, late in means.values())
    return Found("sub-linear: later plays lose less", f"last 50 plays over first 50, at worst {worst:.2f}", worst < 1)


def _items() -> tuple[Item, ...]:
    over = tuple(Item("lagrangian", "figure", f"convection, c = {c}", "convection", f"c = {c}") for c in SPEEDS["PINN"])
    fast = "c = 30"
    learned = ("learned, sequential", "learned, random", "value, residual jump (XPINN)", "one network")
    families = tuple(
        Item("metalic", "test errors", f"{e.name}, learned sets", e.name, claims=learned)
        for e in experiments("metalic")
    )
    carried = tuple(f"{name}, {fast}" for name in ("Lagrangian PINN", "PINN"))
    return (
        Item("causal", "Table 1", "Allen-Cahn, plain and causal", "allen_cahn"),
        Item("causal", "section 3, figure", "convergence rate of the kernel over time", "kernel", read=kernel),
        Item("causal", "section 3, figure", "tolerances too small and too large", "tolerances", read=between),
        Item("causal", "section 4.2", "Lorenz to t = 20", "lorenz"),
        Item("causal", "section 4.3", "Kuramoto-Sivashinsky, regular", "ks_regular"),
        Item("causal", "section 4.3", "Kuramoto-Sivashinsky, chaotic", "ks_chaotic"),
        Item("causal", "section 4.3, figure", "Kuramoto-Sivashinsky, chaotic, from rest: lost after t = 0.8"),
        Item("causal", "section 4.4", "decaying turbulence", "turbulence"),
        Item("causal", "section 4.4", "decaying turbulence to t = 2"),
        Item("causal", "section 5", "batch sizes in the first window", "batch", read=batches),
        Item("causal", "section 5", "weak scaling over GPUs"),
        Item("causal", "table", "seconds of a step of both networks", "pace"),
        *over,
        Item("lagrangian", "figure", "viscous Burgers, c = 0", "burgers", "c = 0", ("Lagrangian PINN", "PINN")),
        Item("lagrangian", "figure", f"viscous Burgers, {fast}", "burgers", fast, carried),
        Item("lagrangian", "figure", "loss landscapes over c", "landscapes", read=rugged),
        *families,
        Item(
            "metalic", "abstract", "regret of UCB and Thompson sampling",
            script="python docs/benchmarks/interface_bandits.py run", read=regret,
        ),
        Item("pi_hc_moe", "section 4.1", "diffusion-sorption, unseen members", "diffusion_sorption"),
        Item("pi_hc_moe", "section 4.1", "diffusion-sorption, t > 400 from t <= 400", "diffusion_sorption_late"),
        Item("pi_hc_moe", "section 4.2", "Navier-Stokes, unseen members, 256^2", "navier_stokes"),
        *(
            Item(
                "pi_hc_moe", "section 4.2, figure", f"Navier-Stokes, unseen members, {nodes}^2",
                script="pinnlab reproduce pi_hc_moe navier_stokes", read=finer(nodes),
            )
            for nodes in (128, 64)
        ),
        *(
            Item(
                "pi_hc_moe", "figure", f"diffusion-sorption, speed-up by experts, {step}",
                script="python docs/benchmarks/experts.py --only experts", read=speed_up(step, published),
            )
            for step, published in (("training", "1.6 to 3.2 times"), ("inference", "2.0 to 3.0 times"))
        ),
        Item("pi_hc_moe", "figure", "Navier-Stokes, speed-up by experts, training"),
        Item("pi_hc_moe", "figure", "Navier-Stokes, speed-up by experts, inference"),
        Item("pi_hc_moe", "figure", "interpolation in place of the constraint"),
    )  # fmt: skip


ITEMS = _items()


def found(item: Item, folder: Path) -> Found | None:
    """What was made of an item; None where nothing was."""
    if item.read is not None:
        return item.read()
    return reproduced(item, folder) if item.experiment else None


def page(items: Sequence[Item] = ITEMS, folder: Path = HERE / "papers") -> str:
    """The table, with its sum in front."""
    all_found = [found(item, folder) for item in items]
    kept = {answer: sum(f is not None and f.kept is answer for f in all_found) for answer in (True, False, None)}
    lines = [
        f"Of {len(items)} experiments one command makes {sum(kept.values())} again. {kept[True]} of them keep the order "
        f"that was published, or reach the one number that was; {kept[False]} do not.",
        "",
        "| paper | where | experiment | made by | published | here | kept |",
        "|" + "---|" * 7,
    ]
    words = {True: "yes", False: "no", None: ABSENT}
    for item, mine in zip(items, all_found, strict=True):
        made = (f"`{item.command}`", mine.published, mine.here, words[mine.kept]) if mine else (ABSENT,) * 4
        lines.append("| " + " | ".join([item.paper, item.where, item.what, *made]) + " |")
    return "\n".join([*lines, "", "Written by `python docs/benchmarks/papers_count.py`.", ""])


if __name__ == "__main__":
    assert {item.paper for item in ITEMS} == set(PAPERS)
    (HERE / "papers" / "count.md").write_text(page(), encoding="utf-8")
