"""Networks of the user's own: which of them torch's layers can be read from, and what cannot work.

Letters: n points, d coordinates, m values, w width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.taylor import Jet, ParameterGradients, Tape
from pinnlab.networks.base import Network

_SMOOTH: dict[type[nn.Module], str] = {
    nn.Tanh: "tanh", nn.SiLU: "swish", nn.Sigmoid: "sigmoid", nn.GELU: "gelu"
}  # fmt: skip
"""torch's activations with a formula for all derivatives."""
_RANDOM = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU)
_MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm1d)
_STRAIGHT = (
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6, nn.Hardtanh, nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Hardsigmoid
)  # fmt: skip
_POINTS = 32


class LayerJets:
    """Taylor mode through linear layers and smooth activations, with the parameters of the user's own module.

    Args:
        layers: ``nn.Linear`` modules, and names of activations.
    """

    def __init__(self, layers: Sequence[nn.Linear | str]):
        self.layers = tuple(layers)

    def jet(self, points: Tensor, indices: Indices, tape: Tape | None = None) -> Tensor:
        """Derivatives (c, n, m) at (n, d) points."""
        jet = Jet.of_points(points, indices, tape)
        for layer in self.layers:
            jet = jet.apply(layer) if isinstance(layer, str) else jet.linear(layer.weight, layer.bias, _rows(layer))
        return jet.data


def _rows(layer: nn.Linear) -> Callable[[Tensor, Tensor], ParameterGradients]:
    def rule(weight: Tensor, bias: Tensor) -> ParameterGradients:
        pairs = [(layer.weight, weight), *([] if layer.bias is None else [(layer.bias, bias)])]
        return {parameter: rows for parameter, rows in pairs if parameter.requires_grad}

    return rule


def taylor_mode(module: nn.Module) -> Network | LayerJets | None:
    """What propagates jets through a module: itself, or the layers of a plain ``nn.Sequential``; None for others."""
    if isinstance(module, Network):
        return module
    layers = _layers(module)
    return LayerJets(layers) if layers and any(isinstance(layer, nn.Linear) for layer in layers) else None


def _layers(module: nn.Module) -> list[nn.Linear | str] | None:
    """Linear layers and activations in order; None where there is anything else."""
    # hooks and subclasses may do anything
    if any(vars(module)[name] for name in vars(module) if name.endswith("_hooks")):
        return None
    if type(module) is nn.Linear:
        return [module]
    if type(module) is nn.Identity:
        return []
    if type(module) in _SMOOTH and getattr(module, "approximate", "none") == "none":
        return [_SMOOTH[type(module)]]
    if type(module) is not nn.Sequential:
        return None
    found: list[nn.Linear | str] = []
    for part in module:
        layers = _layers(part)
        if layers is None:
            return None
        found += layers
    return found


def check_own(network: nn.Module, d: int, order: int, like: Tensor) -> None:
    """Raise ValueError for a module of the user's own that is no smooth function of one point.

    Args:
        network: (n, d) -> (n, m), as it will be trained.
        d: number of coordinates.
        order: highest order of a derivative in the problem.
        like: dtype and device.
    """
    if isinstance(network, Network):
        return
    name = type(network).__name__
    generator = torch.Generator().manual_seed(0)
    points = (2 * torch.rand(_POINTS, d, generator=generator, dtype=torch.float64) - 1).to(like)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        values, again, part = network(points), network(points), network(points[: _POINTS // 2])
    network.load_state_dict(state)  # running averages of a normalization
    size = float(values.abs().max()) + torch.finfo(like.dtype).tiny
    near = 1e3 * torch.finfo(like.dtype).eps * size
    if float((values - again).abs().max()) > near and not _has(network, _MIXING):
        raise ValueError(
            f"network={name}(...): {_named(network, _RANDOM, 'something in it')} makes it another function at every call, "
            "and derivatives and residuals of a random function mean nothing; leave it out, or call network.eval() before."
        )
    if float((values[: _POINTS // 2] - part).abs().max()) > near:
        raise ValueError(
            f"network={name}(...): with {_named(network, _MIXING, 'what is in it')}, values at a point depend on which "
            "other points are in the batch, so that it has no derivatives by coordinates; leave it out, or use nn.LayerNorm."
        )
    if order > 1 and _is_straight(network, points, d):
        raise ValueError(
            f"network={name}(...): {_named(network, _STRAIGHT, 'it')} is made of straight pieces, whose second derivatives "
            f"are zero, and the equations have derivatives of order {order}; use nn.Tanh(), nn.SiLU() or nn.GELU()."
        )


def _is_straight(network: nn.Module, points: Tensor, d: int) -> bool:
    """Whether all second derivatives vanish, although the module is not linear."""
    second: Indices = tuple((i, i) for i in range(d))
    indices = (*VALUE, *((i,) for i in range(d)), *second)
    jet = autograd_jet(network, points, indices, keep=False)
    slopes = jet[1 : d + 1]
    varies = float((slopes - slopes[:, :1]).abs().max()) > 1e-6 * float(slopes.abs().max())
    return varies and not bool(jet[d + 1 :].any())


def _has(network: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    return any(isinstance(part, kinds) for part in network.modules())


def _named(network: nn.Module, kinds: tuple[type[nn.Module], ...], other: str) -> str:
    """The class of the first part of one of these kinds."""
    return next((f"nn.{type(part).__name__}" for part in network.modules() if isinstance(part, kinds)), other)
