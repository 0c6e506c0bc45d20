"""The arguments of a solve, checked before any work is done; a message names one as it was typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pinnlab.machine.numbers import positive, whole
from pinnlab.training.checkpoint import Checkpoint
from pinnlab.training.progress import Callback
from pinnlab.training.sharing import SHARED

MOST_THREADS = 1024
"""No computer has more cores; a thread library that is asked for a billion threads ends the process."""
_SEEDS = 2**63
"""Seeds of torch's generators are smaller."""


def check_numbers(max_seconds: object, target_error: object, seed: object, threads: object) -> None:
    """Raise ValueError for a number that no solve can have."""
    for name, value in (("max_seconds", max_seconds), ("target_error", target_error)):
        if value is not None and not positive(value):
            raise ValueError(f"solve({name}={value!r}): must be a positive number, or None.")
    if not whole(seed, 0, _SEEDS - 1):
        raise ValueError(f"solve(seed={seed!r}): must be a whole number of at least 0, below 2**63.")
    if not whole(threads, 1, MOST_THREADS):
        raise ValueError(f"solve(threads={threads!r}): must be a whole number of at least 1, {MOST_THREADS} at most.")


def check_words(progress: object, parallel: object) -> None:
    """Raise TypeError or ValueError for a switch that is none, or a word that is not known."""
    if not isinstance(progress, bool):
        raise TypeError(f"solve(progress={progress!r}): write True or False.")
    if not isinstance(parallel, str) or parallel not in SHARED:
        raise ValueError(f"solve(parallel={parallel!r}): choose one of {', '.join(map(repr, SHARED))}.")


def checked_dtype(dtype: object) -> torch.dtype:
    """The floating-point type of a solve; ValueError for one that is neither float64 nor float32."""
    if dtype is None:
        return torch.float64
    if not isinstance(dtype, torch.dtype) or dtype not in (torch.float32, torch.float64):
        raise ValueError(f"solve(dtype={dtype!r}): use torch.float64 or torch.float32.")
    return dtype


def check_device(device: object) -> None:
    """Raise TypeError or ValueError for a device that is not here, or that cannot compute."""
    if device is None:
        return
    if not isinstance(device, str | torch.device):
        raise TypeError(f"solve(device={device!r}): give a name such as 'cpu' or 'cuda', or a torch.device.")
    usual = "write 'cpu' or 'cuda', or leave device out"
    try:
        found = torch.device(device)
        # a GPU is not touched: each of several processes takes another one
        if found.type != "cuda":
            float(torch.zeros((), device=found))
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch's ways to say that there is none
        reason = str(error).partition("\n")[0].rstrip(".")
        if reason.startswith("Expected one of"):  # torch lists all that it has ever known
            reason = "torch knows no such device"
        raise ValueError(f"solve(device={str(device)!r}): {reason}; {usual}.") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"solve(device={str(device)!r}): torch finds {torch.cuda.device_count()} GPUs on this machine; {usual}."
        )


def checked_callbacks(callbacks: object) -> tuple[Callback, ...]:
    """The callbacks of a solve; TypeError where one cannot be called with a record."""
    if callable(callbacks):
        raise TypeError(f"solve(callbacks={_named(callbacks)}): give a list, callbacks=[{_named(callbacks)}].")
    if isinstance(callbacks, str | bytes | Mapping) or not isinstance(callbacks, Sequence):
        raise TypeError(f"solve(callbacks={callbacks!r}): give a list of functions of one record, or leave it out.")
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(
                f"solve(callbacks=...) holds {callback!r}, which cannot be called; give functions of one record, such as "
                "lambda record: print(record.loss)."
            )
        if not _takes_one(callback):
            raise TypeError(
                f"solve(callbacks=...): {_named(callback)} cannot be called with one argument; a callback is called with "
                "the newest record of the history, such as lambda record: print(record.loss)."
            )
    return tuple(callbacks)


def checked_checkpoint(checkpoint: str | Path | Checkpoint | None) -> Checkpoint | None:
    """Where a solve is saved; TypeError or ValueError for what names no file."""
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        return checkpoint
    return Checkpoint(checkpoint)


def _takes_one(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with one argument, as far as its signature can be read."""
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # of built-in functions without a signature
        return True
    return True


def _named(function: object) -> str:
    return getattr(function, "__name__", repr(function))
