"""A digest by which a file recognizes what it belongs to."""

from __future__ import annotations

import dis
import hashlib
from functools import partial
from types import CodeType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch


def fingerprint(*parts: Any) -> str:
    """A digest by which a checkpoint recognizes its problem and solver: text, numbers, and the code of functions."""
    digest = hashlib.sha256()
    _feed(digest, parts, 0)
    return digest.hexdigest()


def _feed(digest: Any, value: Any, depth: int) -> None:
    if depth > 12:
        return
    # a class that has another name than the files say tells theirs
    digest.update(getattr(type(value), "written_as", type(value).__name__).encode())
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
    elif isinstance(value, partial):
        _feed(digest, [value.func, value.args, value.keywords], depth + 1)
    elif isinstance(value, MethodType):
        _feed(digest, [value.__func__, value.__self__], depth + 1)
    elif isinstance(value, ModuleType):
        # a closure or a default may hold torch itself, whose namespaces answer to any attribute
        digest.update(value.__name__.encode())
    elif hasattr(value, "__code__"):
        _feed_code(digest, value.__code__, value, depth)
        cells = [c.cell_contents for c in value.__closure__ or ()]
        _feed(digest, [cells, value.__defaults__ or (), value.__kwdefaults__ or {}], depth + 1)
    elif isinstance(value, str | bytes | int | float | bool | complex | type(None)):
        digest.update(repr(value).encode())
    elif hasattr(value, "__dict__"):
        # what earlier versions did not have is told where it is another than theirs
        later = getattr(type(value), "added_later", {})
        told = {k: v for k, v in vars(value).items() if k not in later or v != later[k]}
        _feed(digest, told, depth + 1)
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
