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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from drafts.calls import GOOD_SOLVERS, SOUND, call
from drafts.draft import Draft, Mine, raises
from drafts.problems import declaration
from pinnlab.training.plans import Settings

SHARE_SOLVED = 0.04
"""Of the declarations that are solved for a moment."""


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
                warnings.filterwarnings("ignore", "parameters=.* changes nothing")
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


def run_one(seed: int, runner: Runner) -> None:
    """Make and run the declaration of a seed."""
    draft = Draft(random.Random(seed))
    names = namespace()
    if draft.chance(0.22):
        assert runner.attempt(SOUND, names, ())
        text, planted = call(draft)
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
        names["settings"] = Settings(torch.device("cpu"), torch.float64, 0)
        runner.attempt(f"({solver}).plan(problem, settings)", names, (), text)


def text_of(seed: int) -> str:
    """The declaration of a seed, or its call with the sound problem."""
    draft = Draft(random.Random(seed))
    return f"{call(draft)[0]}" if draft.chance(0.22) else declaration(draft)


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
