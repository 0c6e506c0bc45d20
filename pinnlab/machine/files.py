"""Files of tensors and plain data. Reading one never executes code from it."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch


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
