"""Several trials at a time, in processes that are started for it.

A worker is a Python of its own, which receives what to play over a pipe and ends when the pipe does. Forking would be
quicker, but a process that has trained before can hang or fail when it is forked (threads of OpenMP and autograd).
"""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import IO, Any

from pinnlab.selection.trials import Trial

RunTrial = Callable[[Trial], Trial]

_SERVE = "from pinnlab.selection.workers import serve; serve()"
_LENGTH = struct.Struct("<Q")


class Workers:
    """Plays trials, ``processes`` at a time; a context manager. With one process everything happens in this one.

    Args:
        play: fills in a trial.
        processes: how many.

    Raises:
        ImportError: cloudpickle is not installed, and there is more than one process.
    """

    def __init__(self, play: RunTrial, processes: int):
        self.play, self.processes = play, processes
        self._payload = b"" if processes == 1 else _pickled(play)
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._stopping = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (*self._idle, *self._busy):
            worker.kill()

    def run(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        """Trials as they end. A worker that dies leaves its trial without a reward.

        Raises:
            Exception: what playing raised.
        """
        if self.processes == 1:
            yield from map(self.play, trials)
            return
        self._stopping = False
        with ThreadPoolExecutor(self.processes) as threads:
            waiting: set[Future[Trial]] = {threads.submit(self._one, trial) for trial in trials}
            try:
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            except BaseException:  # also Ctrl-C: threads wait for workers, which would play on
                self._stopping = True
                for future in waiting:
                    future.cancel()
                for worker in tuple(self._busy):
                    worker.kill()
                raise

    def _one(self, trial: Trial) -> Trial:
        worker = self._idle.pop() if self._idle else _Worker(self._payload)
        self._busy.add(worker)
        try:
            if self._stopping:  # asked after the worker can be seen: one of both sides ends it
                raise EOFError
            found = worker.play(trial)
        except EOFError:
            return dataclasses.replace(trial, status=f"the process ended with code {worker.kill()}")
        finally:
            self._busy.discard(worker)
        self._idle.append(worker)
        if isinstance(found, BaseException):
            raise found
        return found


class _Worker:
    """This side of a worker."""

    def __init__(self, payload: bytes):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._payload: bytes | None = payload

    def play(self, trial: Trial) -> Trial | BaseException:
        """Let it play a trial, and wait.

        Raises:
            EOFError: the process died.
        """
        into, out = self.process.stdin, self.process.stdout
        assert into is not None and out is not None
        try:
            if self._payload is not None:
                _send(into, self._payload)
                self._payload = None
            _send(into, pickle.dumps(trial))
            return pickle.loads(_receive(out))
        except BrokenPipeError as error:
            raise EOFError from error

    def kill(self) -> int:
        """End it; its exit code."""
        self.process.kill()
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what was not sent is not needed
        return code


def serve() -> None:
    """The other side: plays what comes in until nothing comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    into, out = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a user prints must not come between
    try:
        play: RunTrial | None = None
        failure: BaseException | None = None
        payload = _receive(into)
        try:
            play = pickle.loads(payload)
        except Exception as error:
            failure = error
        while True:
            trial = pickle.loads(_receive(into))
            _send(out, _answer(play, failure, trial))
    except (EOFError, BrokenPipeError):
        pass


def _answer(play: RunTrial | None, failure: BaseException | None, trial: Trial) -> bytes:
    found: Any = failure
    if play is not None:
        try:
            found = play(trial)
        except Exception as error:
            found = error
    try:
        content = pickle.dumps(found)
        pickle.loads(content)
        return content
    except Exception:  # exceptions with arguments of their own cannot always be rebuilt
        return pickle.dumps(RuntimeError(repr(found)))


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _pickled(play: RunTrial) -> bytes:
    try:
        import cloudpickle
    except ImportError as error:
        raise ImportError(
            f"fit(processes=...) sends the problem to other processes with cloudpickle, and importing it failed ({error}): "
            "pip install 'pinnlab[bandits]', or use processes=1."
        ) from error
    return cloudpickle.dumps(play)
