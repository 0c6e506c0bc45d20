"""Files that outlive a run: checkpoints and saved solutions. Reading one never executes code from it."""

from __future__ import annotations

import dis
import hashlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a run is saved.

    Args:
        path: the file. If it exists when ``solve`` starts, the run resumes from it.
        every_seconds: time between saves.

    Raises:
        ValueError: a time that is negative.
    """

    path: str | os.PathLike[str]
    every_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not self.every_seconds >= 0:
            raise ValueError(f"Checkpoint(every_seconds={self.every_seconds}): must not be negative.")


def write(path: str | os.PathLike[str], data: dict[str, Any]) -> None:
    """Write tensors and plain data, atomically: a kill leaves the old file or the new one, never half of one."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with open(partial, "wb") as file:
        torch.save(data, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, target)


def read(
    path: str | os.PathLike[str], device: torch.device | str = "cpu", content: bytes | None = None
) -> dict[str, Any]:
    """Read what ``write`` wrote.

    Args:
        path: the file.
        device: where its tensors go.
        content: of the file, where another process has read it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, or it holds more than tensors and plain data.
    """
    try:
        with warnings.catch_warnings():
            # of what a file of somebody else's looks like; it is refused below
            warnings.simplefilter("ignore", UserWarning)
            data = torch.load(path if content is None else io.BytesIO(content), map_location=device, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch meets damage with many kinds of exception
        raise ValueError(
            f"{os.fspath(path)!r} is not a file of pinnlab, or is damaged ({type(error).__name__}); it was not loaded, "
            "since anything but tensors and plain data in it could execute code."
        ) from error
    if not isinstance(data, dict) or "pinnlab" not in data:
        raise ValueError(f"{os.fspath(path)!r} holds tensors, but not those of a pinnlab run.")
    return data


def fingerprint(*parts: Any) -> str:
    """A digest by which a checkpoint recognizes its problem and solver: text, numbers, and the code of functions."""
    digest = hashlib.sha256()
    _feed(digest, parts, 0)
    return digest.hexdigest()


def _feed(digest: Any, value: Any, depth: int) -> None:
    if depth > 12:
        return
    digest.update(type(value).__name__.encode())
    if isinstance(value, torch.Tensor):
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    elif isinstance(value, torch.nn.Module):
        digest.update(repr(value).encode())
        _feed(digest, {k: v for k, v in vars(value).items() if not k.startswith("_")}, depth + 1)
        _feed(digest, dict(value.state_dict()), depth + 1)
    elif isinstance(value, dict):
        for key in value:
            digest.update(str(key).encode())
            _feed(digest, value[key], depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(digest, item, depth + 1)
    elif isinstance(value, set | frozenset):
        _feed(digest, sorted(map(str, value)), depth + 1)
    elif isinstance(value, np.ndarray | np.generic):
        digest.update(str(value.dtype).encode() + np.asarray(value).tobytes())
    elif hasattr(value, "__code__"):
        _feed_code(digest, value.__code__, value, depth)
        cells = [c.cell_contents for c in value.__closure__ or ()]
        _feed(digest, [cells, value.__defaults__ or (), value.__kwdefaults__ or {}], depth + 1)
    elif isinstance(value, str | bytes | int | float | bool | complex | type(None)):
        digest.update(repr(value).encode())
    elif hasattr(value, "__dict__"):
        _feed(digest, vars(value), depth + 1)
    else:
        digest.update(getattr(value, "__qualname__", type(value).__qualname__).encode())


def _feed_code(digest: Any, code: CodeType, function: Any, depth: int) -> None:
    """Code, its constants, functions defined inside it, and the constants and functions of the module it refers to."""
    digest.update(code.co_code)
    _feed(digest, [[c for c in code.co_consts if not isinstance(c, CodeType)], code.co_names], depth + 1)
    for inner in (c for c in code.co_consts if isinstance(c, CodeType)):
        _feed_code(digest, inner, function, depth)
    # co_names would take the attribute of u.t for a variable t of the module
    for name in sorted({i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}):
        found = function.__globals__.get(name)
        own = getattr(found, "__module__", None) == function.__module__ and hasattr(found, "__code__")
        if own or isinstance(found, str | int | float | complex | np.ndarray | np.generic | torch.Tensor):
            _feed(digest, found, depth + 1)
