"""Several processes on one solve: the group that ``torchrun`` starts is found or made, and each gets its device.

Nothing has to be called: ``solve`` finds the processes by itself. ``start`` is for those who want another backend or
time-out; ``leads`` and ``spread`` are for scripts.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from pinnlab.machine.processes import ALONE, Processes

T = TypeVar("T")
TIMEOUT = 600.0
"""Seconds after which a process that does not answer counts as lost."""


def start(backend: str | None = None, timeout: float | None = None) -> None:
    """Join the processes that ``torchrun`` (or another launcher that sets the same variables) has started.

    Args:
        backend: of ``torch.distributed``; None takes the variable PINNLAB_BACKEND, else gloo, and NCCL for tensors on
            GPUs where there are some.
        timeout: seconds after which a process that does not answer counts as lost; None takes the variable
            PINNLAB_TIMEOUT, else ``TIMEOUT``.

    Raises:
        ValueError: a backend that does not exist here; a time-out that is not positive; no launcher.
    """
    backend = backend or os.environ.get("PINNLAB_BACKEND") or _default_backend()
    check_backend(backend)
    seconds = float(os.environ.get("PINNLAB_TIMEOUT", TIMEOUT)) if timeout is None else float(timeout)
    if not seconds > 0:
        raise ValueError(f"distributed.start(timeout={seconds:g}): give a positive number of seconds.")
    missing = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ValueError(
            f"distributed.start(): the variables {', '.join(missing)} are not set; start the script by torchrun, such as "
            "torchrun --nproc-per-node 2 script.py, which sets them."
        )
    # its functions take the group of all processes as a default: imported later, as torch does by itself, they would keep
    # the group and its threads alive until the interpreter is gone, and a thread that is still at work then ends the process
    import torch.distributed.nn.functional  # noqa: F401

    dist.init_process_group(backend, timeout=timedelta(seconds=seconds))
    atexit.register(_leave)


def check_backend(backend: str) -> None:
    """Raise ValueError unless ``backend`` (or each of ``"cpu:gloo,cuda:nccl"``) exists here."""
    available = [
        name for name, found in (("gloo", dist.is_gloo_available), ("nccl", dist.is_nccl_available)) if found()
    ]
    available += [name for name, found in (("mpi", dist.is_mpi_available), ("ucc", dist.is_ucc_available)) if found()]
    for part in backend.split(","):
        if part.split(":")[-1] not in available:
            raise ValueError(
                f"distributed.start(backend={backend!r}): torch knows no such backend here; choose from "
                f"{', '.join(available)}, or leave it out."
            )


def find() -> Processes:
    """The processes that this one was started with; only itself where there are no others."""
    if not dist.is_available():
        return ALONE
    if not dist.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return ALONE
        start()
    if dist.get_world_size() == 1:
        return ALONE
    plain = "gloo" in str(dist.get_backend_config())
    device = torch.device("cpu") if plain else torch.device("cuda", torch.cuda.current_device())
    return Processes(dist.get_rank(), dist.get_world_size(), None, device)


def own_device(device: str | torch.device | None) -> torch.device:
    """The device of this process: ``"cuda"`` means one GPU for each process of a machine.

    Raises:
        ValueError: more processes than GPUs, or the same GPU for several processes.
    """
    found = torch.device(device or "cpu")
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if found.type != "cuda" or beside == 1:
        return found
    if found.index is not None:
        raise ValueError(
            f"solve(device={str(device)!r}) in {beside} processes on this machine: all would take the same GPU; write "
            "device='cuda', and each takes its own."
        )
    gpus = torch.cuda.device_count()
    if beside > gpus:
        raise ValueError(
            f"solve(device='cuda') in {beside} processes on a machine with {gpus} GPUs: each process needs its own; start "
            f"it with torchrun --nproc-per-node {max(gpus, 1)}."
        )
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(own)
    return own


def leads() -> bool:
    """Whether this process is the one that prints and writes files; alone it always is."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return os.environ.get("RANK", "0") == "0"


def spread(function: Callable[[Any], T], items: Sequence[Any]) -> Iterator[T]:
    """``function`` of every item, each in one of the processes: whole solves side by side.

    The values arrive in the order of the items, in every process, a round of processes at a time::

        for error in spread(lambda seed: pl.solve(problem, seed=seed, parallel="none").error()["u"], range(8)):
            ...

    Args:
        function: returns plain data that can be pickled; its solves need ``parallel="none"``.
        items: what to apply it to.

    Raises:
        LostProcessError: another process has ended or does not answer.
    """
    return find().spread(function, items)


def _default_backend() -> str:
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
