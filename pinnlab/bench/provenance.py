"""Where and with what a bench ran: a time without this is no measurement."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch


def provenance(command: str, device: str = "cpu") -> dict[str, Any]:
    """What a table of times should say about the machine and the code.

    Args:
        command: how the numbers were made.
        device: ``"cpu"``, or a GPU such as ``"cuda"``.

    Returns:
        ``cpu``, ``cores``, ``threads`` (of torch), ``device``, ``system``, ``versions`` {package: version}, ``commit``
        (see ``commit``), ``date`` (UTC) and ``command``.
    """
    packages = ("torch", "numpy", "scipy", "pinnlab")
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "system": platform.platform(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "commit": commit(),
        "date": now(),
        "command": command,
    }


def commit() -> str:
    """The commit of the code, with a remark where files differ from it; empty outside a clone of pinnlab."""
    here = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(("git", *arguments), cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + (" with local changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
