"""How several processes divide the points of a residual system among them, and what that costs.

Every process holds all networks and all points, and evaluates the residuals at its own part of the points only; losses,
gradients and what a Gauss-Newton step needs are then summed over the processes (``machine.processes``).

Letters: n points of a block, R processes, G subdomains (networks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pinnlab.machine.processes import Processes, portion

SHARED = ("auto", "points", "subdomains", "none")
"""How processes share a solve.

- ``"points"``: each works on a part of the points of every equation and condition;
- ``"subdomains"``: each owns neighbouring subdomains, and the interfaces to the next; where there are more processes than
  subdomains, several own one together and share its points;
- ``"auto"``: subdomains where there are several and they fit the number of processes, else points;
- ``"none"``: every process solves by itself, without a word to the others.
"""


def teams(processes: int, subdomains: int, by: str = "auto") -> list[range]:
    """The processes that work on each of G subdomains.

    Args:
        processes: R.
        subdomains: G.
        by: one of ``SHARED`` but ``"none"``.

    Raises:
        ValueError: subdomains are asked for where there is one, or their number does not fit.
    """
    fits = processes <= subdomains or processes % subdomains == 0
    if by == "subdomains" and subdomains == 1:
        raise ValueError(
            f"solve(parallel='subdomains') on {processes} processes: this solver has one network and no subdomains; write "
            "parallel='points', or use MultiDomainPINN(subdomains=...)."
        )
    if by == "subdomains" and not fits:
        raise ValueError(
            f"solve(parallel='subdomains') on {processes} processes with {subdomains} subdomains: start at most "
            f"{subdomains} processes or a multiple of it, or write parallel='points'."
        )
    if by == "points" or subdomains == 1 or not fits:
        return [range(processes)] * subdomains
    if processes > subdomains:
        size = processes // subdomains
        return [range(g * size, (g + 1) * size) for g in range(subdomains)]
    owners = [k for k in range(processes) for _ in range(*portion(subdomains, processes, k).indices(subdomains))]
    return [range(k, k + 1) for k in owners]


def part(team: range, rank: int, together: bool) -> Callable[[int], slice]:
    """Which of a block's n points a process works on: n -> slice.

    Args:
        team: the processes that work on the block.
        rank: of this process.
        together: the points cannot be divided; the first of the team takes them all.
    """
    if rank not in team or (together and rank != team.start):
        return lambda n: slice(0, 0)
    if together:
        return lambda n: slice(0, n)
    return lambda n: portion(n, len(team), rank - team.start)


def exchanged(processes: Processes, steps: int, amplifying: Sequence[str]) -> str:
    """What processes told one another in so many steps, in a sentence.

    Args:
        processes: those that shared the run.
        steps: of all optimizers; 0 where nothing was trained.
        amplifying: names of optimizers that amplify rounding.
    """
    calls, size = (n / max(1, steps) for n in (processes.traffic.calls, processes.traffic.bytes))
    told = f"{processes.count} processes; {calls:.1f} exchanges and {size / 1e3:.4g} kB per step from each"
    if amplifying:
        told += f"; {', '.join(amplifying)} amplifies rounding, so that one process ends with other numbers"
    return told
