"""A selector as a file of plain data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pinnlab.selection.bandits.policies import Policy, policy_data, policy_of
from pinnlab.selection.trials import Trial

_KIND = "interface selector"


def write(
    path: str | os.PathLike[str], options: dict[str, Any], policy: Policy | str, arms: Any, trials: tuple[Trial, ...]
) -> None:
    """Write as JSON, atomically.

    Args:
        path: the file.
        options: plain data.
        policy: of the bandit; ``"sequential"`` for one that chooses in every stage.
        arms: sets of names.
        trials: what was tried.

    Raises:
        TypeError: a policy of the user's own.
    """
    data = {
        "pinnlab": _KIND,
        **options,
        "policy": {"name": policy} if isinstance(policy, str) else policy_data(policy),
        "arms": arms,
        "trials": [trial.to_data() for trial in trials],
    }
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, target)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Policy | str, list[list[str]], list[Trial]]:
    """The inverse of ``write``: options, policy, arms, trials.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of another kind.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if data.pop("pinnlab") != _KIND:
            raise ValueError("it is of another kind")
        saved, arms = data.pop("policy"), data.pop("arms")
        policy = saved["name"] if saved["name"] == "sequential" else policy_of(saved)
        return data, policy, arms, [Trial.from_data(trial) for trial in data.pop("trials")]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is no saved InterfaceSelector, or is damaged ({type(error).__name__}: {error}); save it "
            "again, or learn from its trials, fit(..., path=...)."
        ) from error
