"""Two solitons on a circle under u_t + c u u_x + u_xxx = 0: the start state, and the solution where the period closes.

Letters: n points, s output times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pinnlab.problems._kdv import WIDTH, korteweg_de_vries
from pinnlab.reference.base import Interpolant
from pinnlab.reference.lazy import MemberReference

LENGTH = 20.0
END = 20.0
SOLITONS = ((0.75, 0.33), (0.4, 0.65))
"""(q, place as a share of the length) of each."""
_IMAGES = 3
_NODES = 64
_TIMES = 3001
"""Output times: short waves turn quickly, a twentieth of a period of those that matter lies between two of them."""


def start(x: Any) -> torch.Tensor:
    """The sum over solitons and their periodic images of q/2 sech^2(sqrt(q)/2 (x - x0)).

    On the line a soliton of this form, with c = 6, moves at the speed q. Images beyond the third are below rounding.
    """
    x = torch.as_tensor(x)
    total = torch.zeros_like(x, dtype=torch.float64) if not x.is_floating_point() else torch.zeros_like(x)
    for q, share in SOLITONS:
        for image in range(-_IMAGES, _IMAGES + 1):
            total = total + q / 2 / torch.cosh(np.sqrt(q) / 2 * (x - (share + image) * LENGTH)) ** 2
    return total


def solve(c: float, nodes: int = _NODES, tolerance: float = 1e-10) -> Interpolant:
    """The solution of one member on the circle, t in [0, 20]; arguments as in ``korteweg_de_vries``."""
    return korteweg_de_vries(start, c, 1.0, (0.0, LENGTH), END, nodes, _TIMES, tolerance)


class Sides:
    """Value and slope of the reference where the period closes, as functions of time that can be differentiated.

    Args:
        reference: of the family; it solves each member once.
    """

    def __init__(self, reference: MemberReference):
        self._reference = reference

    def value(self, t: torch.Tensor, c: Any) -> torch.Tensor:
        """u(0, t) = u(20, t) at (n,) times; c a number."""
        return interpolate(self._member(c).data["u"][0], t / END)

    def slope(self, t: torch.Tensor, c: Any) -> torch.Tensor:
        """The same of u_x."""
        found = self._member(c)
        return interpolate(found.axes["x"].matrix(1)[0] @ found.data["u"], t / END)

    def _member(self, c: Any) -> Any:
        return self._reference.member(c=float(c))


def interpolate(values: np.ndarray, share: torch.Tensor) -> torch.Tensor:
    """Equidistant values (s,) at shares (n,) of their interval, by polynomials through twelve neighbours."""
    at = share * (len(values) - 1)
    first = (at.detach().floor().long() - WIDTH // 2 + 1).clamp(0, len(values) - WIDTH)
    nodes = torch.arange(WIDTH, dtype=share.dtype, device=share.device)
    here = torch.eye(WIDTH, dtype=torch.bool, device=share.device)
    factors = torch.where(here, 1.0, (at - first)[:, None, None] - nodes)
    weights = factors.prod(dim=2) / torch.where(here, 1.0, nodes[:, None] - nodes).prod(dim=1)
    near = torch.from_numpy(values).to(share)[first[:, None] + nodes.long()]
    return (weights * near).sum(dim=1)
