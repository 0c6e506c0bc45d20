"""What a side sends into a line on which waves travel, with its echoes from both ends.

Letters: n points, d coordinates, e echoes, q nodes, N points of echoes that have arrived.

In a medium in which u_tt + a u_t = c^2 u_xx + b u_x - k u, a side that is moved as g(s), s after the start, sends out

    exp(-b y / (2 c^2)) [exp(-a r / 2) g(s - r) - (m r / 2) integral of exp(-a p / 2) C1(m (p^2 - r^2) / 4) g(s - p)]

to the distance y = c r along x, from s = r on, with p from r to s, m = k - a^2 / 4 + b^2 / (4 c^2), and C1 of Bessel and
Clifford. Ends reflect it: what comes back is what a side further away would have sent. All of it solves the equation, and
kinks and jumps of g travel with it; a rest without them is smooth. Source: Courant & Hilbert, Methods of Mathematical
Physics II, 1962, chapter V, section 5 and chapter VI, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.differentiable import differentiable_jet
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.known import KnownFunction

_BATCH = 1024
"""Points at once, of which every one has nodes for each of its echoes."""
_SMALL, _TERMS = 0.1, 9
"""Where the function of Bessel and Clifford is summed up as a power series, and of how many terms."""
_FADING = 8
"""Power with which the polynomial of what a side was to have done fades; larger than the orders that are matched."""


def bessel_clifford(order: int, z: Tensor) -> Tensor:
    """C_n(z) = sum over j of (-z)^j / (j! (j + n)!), entire: z^(-n/2) J_n(2 sqrt(z)); its derivative is -C_(n+1).

    Args:
        order: n, not negative.
        z: any real numbers.
    """
    return _BesselClifford.apply(z, order)


class _BesselClifford(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, order: int) -> Tensor:
        ctx.save_for_backward(z)
        ctx.order = order
        at = z.detach().numpy()
        found = np.zeros_like(at)
        for j in reversed(range(_TERMS)):
            found = 1.0 / (math.factorial(j) * math.factorial(j + order)) - at * found
        for mine, function in ((at > _SMALL, scipy.special.jv), (at < -_SMALL, scipy.special.iv)):
            root = np.sqrt(np.abs(at[mine]))
            found[mine] = function(order, 2 * root) / root**order
        return torch.from_numpy(found)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        return -grad * bessel_clifford(ctx.order + 1, z), None


@dataclass(frozen=True)
class Medium:
    """u_tt + damping u_t = speed^2 u_xx + drift u_x - stiffness u."""

    speed: float
    damping: float = 0.0
    drift: float = 0.0
    stiffness: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether waves keep their form."""
        return not (self.damping or self.drift or self.stiffness)

    @property
    def dispersion(self) -> float:
        """The m of w_tt = c^2 w_xx - m w, which holds for w = u exp(a t / 2 + b x / (2 c^2))."""
        return self.stiffness - self.damping**2 / 4 + self.drift**2 / (4 * self.speed**2)


@dataclass(frozen=True)
class Echo:
    """What arrives of a side's motion on one of its ways.

    Attributes:
        offset, sign: its way is offset + sign * distance from the side.
        amplitude: product of the reflections on the way.
    """

    offset: float
    sign: float
    amplitude: float


def echoes(length: float, reach: float, own: float, other: float) -> list[Echo]:
    """The ways on which a side's motion arrives anywhere, as long as they are shorter than a reach.

    Args:
        length: of the line, > 0.
        reach: how far waves get.
        own, other: what the side itself and the other end reflect: -1 where values are given, 1 where slopes are.
    """
    found, amplitude, offset = [], 1.0, 0.0
    while amplitude and offset < reach:
        found.append(Echo(offset, 1.0, amplitude))
        if offset + length < reach and other:
            found.append(Echo(offset + 2 * length, -1.0, amplitude * other))
        amplitude, offset = amplitude * own * other, offset + 2 * length
    return found


@dataclass(frozen=True, eq=False)
class Motion:
    """How a side is moved, less what the start alone would have had it do.

    Attributes:
        value: what is given there.
        place: the coordinates of the side at the first time.
        time: number of the coordinate that is time.
        expected: derivatives by time, from the value on, that equations and start give there at the first time.
        fading: time after which the polynomial of these is gone.
    """

    value: KnownFunction
    place: tuple[float, ...]
    time: int
    expected: tuple[float, ...] = ()
    fading: float = 1.0

    @property
    def ahead(self) -> float:
        """How long before it begins there is something of it."""
        return 0.0

    def __call__(self, elapsed: Tensor) -> Tensor:
        """(N,) at times (N,) after the first one, with a graph to these."""
        at = elapsed.new_tensor(self.place).repeat(len(elapsed), 1)
        unit = torch.zeros_like(at)
        unit[:, self.time] = 1.0
        moved = differentiable_jet(self.value.jet, at + unit * elapsed[:, None], VALUE)[0, :, 0]
        if not any(self.expected):
            return moved
        return moved - _polynomial(self.expected, elapsed) * torch.exp(-((elapsed / self.fading) ** _FADING))


@dataclass(frozen=True)
class Pluck:
    """A side's motion that makes one half of a kink of the start: the one that goes away from the side.

    The start breaks at a distance p from the side, and beyond it, at y > 0 (or before it, at y < 0), has this besides:

        sum over k of (jump of the k-th derivative of value / 2 - antiderivative of u_t / (2 c)) y^k / k!,

    which fades. The half that goes the other way is what the other side makes. An echo is smooth until its kink arrives.

    Attributes:
        place: the coordinates of the side at the first time.
        time: number of the coordinate that is time.
        distance: p > 0.
        speed: c.
        jumps: the brackets, by distance from the side.
        beyond: whether it is at y > 0.
        fading: distance from the break over which this fades.
    """

    place: tuple[float, ...]
    time: int
    distance: float
    speed: float
    jumps: tuple[float, ...]
    beyond: bool
    fading: float

    @property
    def ahead(self) -> float:
        """How long before it begins there is something of it."""
        return math.inf

    def __call__(self, elapsed: Tensor) -> Tensor:
        """(N,) at times (N,) after the first one, with a graph to these."""
        y = -self.speed * elapsed - self.distance
        polynomial = _polynomial(self.jumps, y) * torch.exp(-((y / self.fading) ** _FADING))
        return torch.where((y > 0) if self.beyond else (y < 0), polynomial, torch.zeros_like(y))


def _polynomial(derivatives: Sequence[float], at: Tensor) -> Tensor:
    """Sum over k of the k-th derivative times at^k / k!."""
    total = torch.zeros_like(at)
    for k, derivative in reversed([*enumerate(derivatives)]):
        total = total * at + derivative / math.factorial(k)
    return total


@dataclass(frozen=True, eq=False)
class Travelling:
    """All that a side has sent into a line.

    Attributes:
        motion: of the side.
        axis: number of the coordinate along the line.
        sign: 1 for the lower end of the line, -1 for the upper one.
        medium: of the waves.
        ways: of what arrives.
        nodes: of the integral over what came earlier; none where it vanishes, or is left to the rest.
    """

    motion: Motion | Pluck
    axis: int
    sign: float
    medium: Medium
    ways: Sequence[Echo]
    nodes: int = 0

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points, those of one side where it jumps."""
        parts = [
            autograd_jet(self._arrived, part, indices, keep=False)
            for part in points.detach().to("cpu", torch.float64).split(_BATCH)
        ]
        return torch.cat(parts, dim=1).to(points)

    def _arrived(self, points: Tensor) -> Tensor:
        """(n, 1) at (n, d) points."""
        time, place = self.motion.time, self.motion.place
        elapsed, distance = points[:, time] - place[time], (points[:, self.axis] - place[self.axis]) * self.sign
        offsets, signs, amplitudes = (
            points.new_tensor([getattr(way, name) for way in self.ways]) for name in ("offset", "sign", "amplitude")
        )
        delay = (offsets + signs * distance[:, None]) / self.medium.speed
        which, way = (elapsed[:, None] >= delay - self.motion.ahead).nonzero(as_tuple=True)
        sent = amplitudes[way] * self._sent(elapsed[which], delay[which, way])
        total = torch.zeros_like(elapsed).index_add(0, which, sent)
        return (total * torch.exp(-self.sign * self.medium.drift / (2 * self.medium.speed**2) * distance))[:, None]

    def _sent(self, elapsed: Tensor, delay: Tensor) -> Tensor:
        """(N,) what arrives by times (N,) after delays (N,) that are not longer."""
        half, m = self.medium.damping / 2, self.medium.dispersion
        first = torch.exp(-half * delay) * self.motion(elapsed - delay)
        if not (self.nodes and m):
            return first
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(self.nodes))
        since = (elapsed - delay)[:, None] * (nodes + 1) / 2
        p = elapsed[:, None] - since
        kernel = torch.exp(-half * p) * bessel_clifford(1, m * (p**2 - delay[:, None] ** 2) / 4)
        moved = self.motion(since.reshape(-1)).reshape(since.shape)
        return first - m * delay / 4 * (elapsed - delay) * ((kernel * moved) @ weights)
