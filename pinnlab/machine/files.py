"""Files of tensors and plain data. Reading one never executes code from it.

A file ends with a digest of its content, by which damage is found wherever it is; files of version 0.1 have none.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pinnlab.machine.deadline import TimeIsUpError
from pinnlab.machine.processes import LostProcessError

_SEAL = b"\npinnlab sha256 "
_SEALED = len(_SEAL) + 64


def write(path: str | os.PathLike[str], data: dict[str, Any]) -> None:
    """Write tensors and plain data, atomically: a kill leaves the old file or the new one, never half of one.

    Raises:
        OSError: the file cannot be written, or the disk is full; an old file is left as it was.
    """
    content = io.BytesIO()
    torch.save(data, content)
    seal = _SEAL + hashlib.sha256(content.getbuffer()).hexdigest().encode()
    replace(path, content.getbuffer(), seal)


def replace(path: str | os.PathLike[str], *content: bytes | memoryview) -> None:
    """Put a file with this content in the place of an old one, atomically.

    Raises:
        OSError: the file cannot be written, or the disk is full; an old file is left as it was.
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            for part in content:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        _remove(partial)
        why = f"{error.strerror}; the file cannot be written: give another path, or make room"
        raise OSError(error.errno, why, os.fspath(path)) from error
    except BaseException:  # Ctrl-C as well leaves nothing behind
        _remove(partial)
        raise


def _remove(partial: Path) -> None:
    """Remove a half-written file, if there is one."""
    try:
        partial.unlink(missing_ok=True)
    except OSError:
        pass  # where it cannot be made it is not there


def why_not_writable(path: str | os.PathLike[str]) -> str | None:
    """Why a file cannot be written at this path, tried by writing an empty one beside it; None where it can."""
    target = Path(path)
    try:
        if target.is_dir():
            return f"is a folder; give a file in it, such as {os.fspath(target / 'run.pt')!r}"
        if target.exists() and not target.is_file():
            return "is no ordinary file; give another path"
        target.parent.mkdir(parents=True, exist_ok=True)
        trial = target.with_name(target.name + ".partial")
        try:
            trial.write_bytes(b"")
        finally:
            _remove(trial)
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"cannot be written ({why}); give a path in a folder that exists and can be written to"
    return None


def read(
    path: str | os.PathLike[str],
    device: torch.device | str = "cpu",
    content: bytes | None = None,
    fix: str = "delete it, or give another path",
) -> dict[str, Any]:
    """Read what ``write`` wrote.

    Args:
        path: the file.
        device: where its tensors go.
        content: of the file, where another process has read it.
        fix: what to do with a file that cannot be read, for the message.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, is damaged, or holds more than tensors and plain data.
    """
    where = repr(os.fspath(path))
    if content is None:
        if not Path(path).exists():
            raise FileNotFoundError(f"{where}: there is no such file.")
        content = Path(path).read_bytes()
    head, seal = content[:-_SEALED], content[-_SEALED:]
    if seal.startswith(_SEAL):
        if seal[len(_SEAL) :].decode("ascii", "replace") != hashlib.sha256(head).hexdigest():
            raise ValueError(f"{where} is damaged: its content has changed since it was written; {fix}.")
        content = head
    try:
        with warnings.catch_warnings():
            # of what a file of somebody else's looks like; it is refused below
            warnings.simplefilter("ignore")
            data = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # torch meets damage with many kinds of exception
        raise ValueError(
            f"{where} is not a file of pinnlab, or is damaged ({type(error).__name__}); it was not loaded, since anything "
            f"but tensors and plain data in it could execute code; {fix}."
        ) from None
    if not isinstance(data, dict) or not isinstance(data.get("pinnlab"), str):
        raise ValueError(f"{where} holds tensors, but not those of a pinnlab run; {fix}.")
    return data


@contextmanager
def blamed(what: str, fix: str) -> Iterator[None]:
    """Let whatever fails inside be the fault of a file's content: a ValueError that names the file and what to do.

    Args:
        what: the file, as the user typed it.
        fix: what to do.

    Raises:
        ValueError: in place of any other exception but those of memory, of time and of other processes.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, LostProcessError, TimeIsUpError):
        raise
    except Exception as error:  # content of another type or size fails in any way
        told = str(error).strip().partition("\n")[0]
        raise ValueError(f"{what} is damaged ({type(error).__name__}: {told}); {fix}.") from error
