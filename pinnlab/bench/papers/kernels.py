"""The neural tangent kernel of the equations' residuals, slice of time by slice.

Letters: k times, n points, q residuals.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinnlab.domains import Site
from pinnlab.training.residuals import ResidualSystem


def convergence_rates(system: ResidualSystem, times: int, nodes: int) -> Tensor:
    """C (k,) in the middle of each of k equal slices of time: tr K / n, the mean eigenvalue of the slice's own kernel.

    K = J J^T, with J the derivatives by the parameters of the equations' residuals at n equidistant points of that time.
    Under gradient flow the squares of the residuals fall at rates that are the eigenvalues of K.

    Args:
        system: of an interval of space, at the parameters at which the kernel is asked for.
        times: k.
        nodes: n, from the first end of the interval on, without the other end.

    Source: Wang, Sankaran & Perdikaris, arXiv 2203.07404, section 3; Wang, Yu & Perdikaris, arXiv 2007.14527.
    """
    rates = torch.zeros(times, dtype=torch.float64)
    for block in system.blocks:
        if block.kind != "equation":
            continue
        points = _grid(block.region.bounds, block.region.clock, times, nodes).to(block.sites[0].points)
        with block.elsewhere((Site(points),)):
            found = block.linearized(slice(0, block.n), system.model.constants, system.model.numbers)
            for _, rows in found:
                squares = sum((row.reshape(len(points), -1) ** 2).sum(1) for row in rows.values())
                assert isinstance(squares, Tensor)
                rates += squares.reshape(times, nodes).mean(1).cpu()
    return rates


def _grid(bounds: dict[str, tuple[float, float]], clock: str, times: int, nodes: int) -> Tensor:
    """(k n, 2): all places at the first time, then at the next."""
    columns = {}
    for name, (low, high) in bounds.items():
        count, shift = (times, 0.5) if name == clock else (nodes, 0.0)
        columns[name] = low + (high - low) * (torch.arange(count, dtype=torch.float64) + shift) / count
    t, (x,) = columns.pop(clock), columns.values()
    at = {name: x.repeat(times) if name != clock else t.repeat_interleave(nodes) for name in bounds}
    return torch.stack(list(at.values()), dim=1)
