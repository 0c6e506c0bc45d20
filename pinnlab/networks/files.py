"""Networks as plain data and back, for files: sizes and embeddings, not the numbers.

A file may name only the classes listed here, so reading one runs nobody's code.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from torch import nn

from pinnlab.networks.base import Chain, Embedding, Network
from pinnlab.networks.branches import Branches
from pinnlab.networks.delays import DelayEmbedding
from pinnlab.networks.embeddings import FourierEmbedding, PeriodicEmbedding, Rescale
from pinnlab.networks.mlp import MLP
from pinnlab.networks.modified_mlp import ModifiedMLP
from pinnlab.networks.overlapping import Overlapping
from pinnlab.networks.pirate import PirateNet
from pinnlab.networks.singular import SingularEmbedding, Switch

Data = dict[str, Any]
_NETWORKS = {cls.__name__: cls for cls in (MLP, ModifiedMLP, PirateNet)}
_SIZES = ("width", "depth", "activation", "factorized")


def network_data(module: nn.Module) -> Data:
    """What a file keeps of a network besides its numbers; of a class of the user's own only its name."""
    name = type(module).__name__
    if isinstance(module, Branches):
        assert module.embedding is not None
        parts, embedding = [network_data(part) for part in module.parts], _embedding_data(module.embedding)
        if embedding is not None and not any(part.get("own") for part in parts):
            ends, shares = [module.inputs, module.outputs], list(module.shares)
            return {"class": name, "parts": parts, "shares": shares, "sizes": ends, "embedding": embedding}
    if isinstance(module, Overlapping):
        part = network_data(module.part)
        if not part.get("own"):
            boxes = [[list(bounds) for bounds in box] for box in module.boxes]
            ends = [module.inputs, module.outputs]
            return {"class": name, "part": part, "boxes": boxes, "overlap": module.overlap, "sizes": ends}
    if isinstance(module, Network) and _NETWORKS.get(name) is type(module):
        embedding = None if module.embedding is None else _embedding_data(module.embedding)
        if module.embedding is None or embedding is not None:
            sizes = {key: getattr(module, key) for key in _SIZES}
            return {"class": name, "sizes": [module.inputs, module.outputs], "options": sizes, "embedding": embedding}
    return {"class": name, "own": True}


def _embedding_data(module: nn.Module) -> Data | None:
    if type(module) is Chain:
        parts = [_embedding_data(part) for part in module.parts]
        return None if None in parts else {"class": "Chain", "parts": parts}
    if type(module) is Rescale:
        return {"class": "Rescale", "width": module.get_buffer("bias").numel()}
    if type(module) is SingularEmbedding:
        inner = _embedding_data(module.inner)
        places = [dataclasses.asdict(switch) for switch in module.switches]
        return None if inner is None else {"class": "SingularEmbedding", "inner": inner, "switches": places}
    if type(module) is DelayEmbedding:
        inner = _embedding_data(module.inner)
        options = {key: getattr(module, key) for key in ("axis", "place", "velocity", "duration")}
        return None if inner is None else {"class": "DelayEmbedding", "inner": inner, "options": options}
    if type(module) is PeriodicEmbedding:
        return {"class": "PeriodicEmbedding", "periods": dict(module.periods), "harmonics": module.harmonics}
    if type(module) is FourierEmbedding:
        options = {key: getattr(module, key) for key in ("features", "scale", "seed")}
        return {"class": "FourierEmbedding", "options": options}
    return None


def built_network(data: Data, own: nn.Module | None) -> nn.Module:
    """The network that ``network_data`` described, with numbers still to be filled in.

    Args:
        data: from the file.
        own: the user's module, where the network was of a class of the user's own.

    Raises:
        ValueError: that module is missing, or the file names an unknown class.
    """
    if data.get("own"):
        if own is None:
            raise ValueError(
                f"this solution's network is a {data['class']} of your own, which the file holds in numbers only; "
                f"pass one to fill in, pl.Solution.load(path, network={data['class']}(...))."
            )
        return copy.deepcopy(own)
    if data["class"] == "Branches":
        branches = Branches([_template(part) for part in data["parts"]], data["shares"])
        inputs, outputs = data["sizes"]
        return branches.built(inputs, outputs, _embedding(data["embedding"]), torch.Generator())
    if data["class"] == "Overlapping":
        inputs, outputs = data["sizes"]
        blend = Overlapping(_template(data["part"]), data["boxes"], data["overlap"])
        return blend.built(inputs, outputs, None, torch.Generator())
    if data["class"] not in _NETWORKS:
        raise ValueError(f"the file names a network {data['class']!r} that this version of pinnlab does not have.")
    inputs, outputs = data["sizes"]
    embedding = None if data["embedding"] is None else _embedding(data["embedding"])
    # all numbers are overwritten; a generator of its own leaves the global one alone
    return _NETWORKS[data["class"]](**data["options"]).built(inputs, outputs, embedding, torch.Generator())


def _template(data: Data) -> Network:
    """A part of branches: its inputs are the features that the branches share."""
    embedding = None if data["embedding"] is None else _embedding(data["embedding"])
    return _NETWORKS[data["class"]](**data["options"], embedding=embedding)


def _embedding(data: Data) -> Embedding:
    kind = data["class"]
    if kind == "Chain":
        return Chain(*(_embedding(part) for part in data["parts"]))
    if kind == "Rescale":
        return Rescale([-1.0] * data["width"], [1.0] * data["width"])
    if kind == "SingularEmbedding":
        return SingularEmbedding(_embedding(data["inner"]), [Switch(**given) for given in data["switches"]])
    if kind == "DelayEmbedding":
        return DelayEmbedding(_embedding(data["inner"]), **data["options"])
    if kind == "PeriodicEmbedding":
        return PeriodicEmbedding(data["periods"], data["harmonics"])
    if kind == "FourierEmbedding":
        return FourierEmbedding(**data["options"])
    raise ValueError(f"the file names an embedding {kind!r} that this version of pinnlab does not have.")
