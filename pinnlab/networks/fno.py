"""The Fourier neural operator: a network from functions on a grid to functions on the same grid.

Letters: b batch, i inputs, o outputs, w width, g dimensions of the grid, s nodes along one of them, k Fourier modes kept.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pinnlab.machine.calls import explained_call
from pinnlab.networks.base import check_positive

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "swish": nn.functional.silu,
}


@explained_call()
class FNO(nn.Module):
    """A Fourier neural operator (Li et al., arXiv 2010.08895).

    Every layer adds a convolution, done by multiplying the lowest Fourier modes with learned matrices, to a pointwise
    linear map, and applies the activation (none after the last layer). A linear map lifts the inputs to ``width``
    channels before, and one hidden layer of twice that width projects to the outputs after. The parameters belong to
    modes, not to nodes, so one network works on grids of any resolution.

    ``FNO()`` is a template without parameters; ``built_grid`` gives a copy of it sizes, which is what a solver does.
    It works on whole functions, so solvers that evaluate a network point by point do not take it.

    Args:
        modes: Fourier modes kept along each dimension, wave numbers 0 ... modes - 1 (with both signs); one number, or
            one per dimension. A grid of s nodes holds (s + 1) // 2 of them below its Nyquist frequency: on coarser grids
            the modes above that are cut for as long, and their parameters do nothing.
        width: channels w of the layers.
        depth: number of layers.
        activation: ``"gelu"``, ``"tanh"``, ``"sin"`` or ``"swish"``; all smooth, as derivatives of the output are taken.
        coordinates: feed the coordinates of the nodes as further inputs: 0 ... 1 along a dimension, its sine and cosine
            along a periodic one.
        padding: zeros appended along dimensions that are not periodic, as a fraction of their size, and cut off before
            the projection; they keep one end of the interval from leaking into the other.

    Raises:
        ValueError: a size below 1, an unknown activation, a negative padding.
    """

    def __init__(
        self,
        modes: int | Sequence[int] = 8,
        width: int = 32,
        depth: int = 4,
        *,
        activation: str = "gelu",
        coordinates: bool = True,
        padding: float = 0.0,
    ):
        super().__init__()
        self.modes: int | tuple[int, ...] = modes if isinstance(modes, int) else tuple(modes)
        for number in (self.modes,) if isinstance(self.modes, int) else self.modes:
            check_positive("FNO", modes=number)
        check_positive("FNO", width=width, depth=depth)
        if activation not in _ACTIVATIONS:
            known = ", ".join(map(repr, _ACTIVATIONS))
            raise ValueError(f"FNO(activation={activation!r}): unknown; choose one of {known}.")
        if not (math.isfinite(padding) and padding >= 0):
            raise ValueError(f"FNO(padding={padding!r}): give a fraction of the grid, such as 0.25, or 0.")
        self.width, self.depth, self.activation = width, depth, activation
        self.coordinates, self.padding = bool(coordinates), float(padding)
        self.periodic: tuple[bool, ...] | None = None

    @property
    def is_template(self) -> bool:
        """Whether the network still waits for its sizes."""
        return self.periodic is None

    def built_grid(
        self,
        inputs: int,
        outputs: int,
        dimensions: int,
        generator: torch.Generator | None = None,
        periodic: Sequence[bool] | None = None,
    ) -> FNO:
        """A copy of this template with parameters, which maps ``(b, inputs, *grid)`` to ``(b, outputs, *grid)``.

        Args:
            inputs: channels i; the coordinates are not counted, the network adds them itself.
            outputs: channels o.
            dimensions: of the grid, 1, 2 or 3.
            generator: source of the initial weights; torch's global one if None.
            periodic: which dimensions are periodic; none if None.

        Raises:
            ValueError: sizes below 1, more than three dimensions, ``modes`` or ``periodic`` of another length.
        """
        check_positive("FNO.built_grid", inputs=inputs, outputs=outputs, dimensions=dimensions)
        modes = (self.modes,) * dimensions if isinstance(self.modes, int) else self.modes
        flags = (False,) * dimensions if periodic is None else tuple(bool(p) for p in periodic)
        if dimensions > 3:
            raise ValueError(f"FNO.built_grid(dimensions={dimensions}): grids have one, two or three dimensions.")
        if len(modes) != dimensions:
            raise ValueError(
                f"FNO(modes={self.modes}) on a grid of {dimensions} dimensions: give {dimensions}, or one."
            )
        if len(flags) != dimensions:
            raise ValueError(f"FNO.built_grid(periodic={flags}): give one flag for each of {dimensions} dimensions.")
        network = copy.deepcopy(self)
        network.periodic = flags
        channels = inputs + (dimensions + sum(flags) if self.coordinates else 0)
        network.lift = Pointwise(channels, self.width, generator)
        network.spectral = nn.ModuleList(Spectral(self.width, modes, generator) for _ in range(self.depth))
        network.local = nn.ModuleList(Pointwise(self.width, self.width, generator) for _ in range(self.depth))
        network.project = nn.ModuleList(
            [Pointwise(self.width, 2 * self.width, generator), Pointwise(2 * self.width, outputs, generator)]
        )
        return network

    def forward(self, values: Tensor) -> Tensor:
        """(b, o, *grid) from (b, i, *grid).

        Raises:
            TypeError: a template without sizes, or points instead of functions on a grid.
        """
        if self.periodic is None or values.ndim != 2 + len(self.periodic):
            raise TypeError(
                f"FNO got a tensor of shape {tuple(values.shape)}: it maps functions on a grid, (batch, channels, "
                "*grid), and is built by FNO(...).built_grid(...) or a solver of families such as HardConstraintMoE; "
                "for points (n, d) use MLP, ModifiedMLP or PirateNet."
            )
        act = _ACTIVATIONS[self.activation]
        grid = values.shape[2:]
        if self.coordinates:
            extra = self._coordinate_channels(values)
            values = torch.cat([values, extra.expand(len(values), *extra.shape)], dim=1)
        x = self._pad(self.lift(values))
        for number, (spectral, local) in enumerate(zip(self.spectral, self.local, strict=True)):
            x = spectral(x) + local(x)
            if number + 1 < self.depth:
                x = act(x)
        for number, size in enumerate(grid):
            x = x.narrow(2 + number, 0, size)
        hidden, last = self.project
        return last(act(hidden(x)))

    def _coordinate_channels(self, values: Tensor) -> Tensor:
        """(channels, *grid): the coordinates of the nodes."""
        assert self.periodic is not None
        grid = values.shape[2:]
        channels = []
        for number, (size, periodic) in enumerate(zip(grid, self.periodic, strict=True)):
            steps = torch.arange(size, dtype=values.dtype, device=values.device)
            if periodic:
                lines = [torch.sin(2 * torch.pi * steps / size), torch.cos(2 * torch.pi * steps / size)]
            else:
                lines = [steps / max(size - 1, 1)]
            shape = [-1 if j == number else 1 for j in range(len(grid))]
            channels += [line.reshape(shape).expand(grid) for line in lines]
        return torch.stack(channels)

    def _pad(self, x: Tensor) -> Tensor:
        assert self.periodic is not None
        pads: list[int] = []
        # torch counts from the last dimension
        for size, periodic in reversed(list(zip(x.shape[2:], self.periodic, strict=True))):
            pads += [0, 0 if periodic else round(self.padding * size)]
        return nn.functional.pad(x, pads) if any(pads) else x


class Pointwise(nn.Module):
    """The same affine map of the channels at every node: (b, i, *grid) to (b, o, *grid), Glorot-normal weights."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator | None):
        super().__init__()
        weight = torch.empty(outputs, inputs)
        nn.init.xavier_normal_(weight, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        product = self.weight @ x.flatten(2) + self.bias[:, None]
        return product.reshape(len(x), len(self.weight), *x.shape[2:])


class Spectral(nn.Module):
    """A matrix per Fourier mode, (b, w, *grid) to (b, w, *grid); wave numbers at or above ``modes`` become zero.

    The matrices are kept as pairs of real numbers, so that a conversion of the network's dtype reaches them.
    """

    def __init__(self, width: int, modes: Sequence[int], generator: torch.Generator | None):
        super().__init__()
        self.modes = tuple(modes)
        # wave numbers of both signs, except in the last dimension, where real functions need one
        kept = [2 * m - 1 for m in self.modes[:-1]] + [self.modes[-1]]
        scale = math.sqrt(0.25 / width)
        self.weight = nn.Parameter(scale * torch.randn(width, width, *kept, 2, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        grid = x.shape[2:]
        dims = tuple(range(2, x.ndim))
        spectrum = torch.fft.rfftn(x, dim=dims, norm="forward")
        weight = torch.view_as_complex(self.weight)
        usable = [min(m, (s + 1) // 2) for m, s in zip(self.modes, grid, strict=True)]
        low = _lowest(spectrum, usable)
        product = torch.einsum("bi...,io...->bo...", low, _lowest(weight, usable))
        return torch.fft.irfftn(_spread(product, usable, spectrum.shape), s=grid, dim=dims, norm="forward")


def _lowest(spectrum: Tensor, usable: Sequence[int]) -> Tensor:
    """The modes with wave numbers below ``usable`` of (b, i, *modes) in the order of ``rfftn``."""
    for number, m in enumerate(usable[:-1]):
        dim = number - len(usable)
        size = spectrum.shape[dim]
        spectrum = torch.cat([spectrum.narrow(dim, 0, m), spectrum.narrow(dim, size - m + 1, m - 1)], dim=dim)
    return spectrum[..., : usable[-1]]


def _spread(low: Tensor, usable: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The inverse of ``_lowest``: zeros for all other modes."""
    low = nn.functional.pad(low, (0, shape[-1] - usable[-1]))
    for number, m in enumerate(usable[:-1]):
        dim = number - len(usable)
        size = shape[dim]
        gap = list(low.shape)
        gap[dim] = size - low.shape[dim]
        parts = [low.narrow(dim, 0, m), low.new_zeros(gap), low.narrow(dim, m, m - 1)]
        low = torch.cat(parts, dim=dim)
    return low
