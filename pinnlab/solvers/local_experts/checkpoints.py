"""The state of a march as plain data, from which it goes on with the same numbers."""

from __future__ import annotations

from typing import Any

import torch

from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.piece import Piece


def state_of(march: SlabMarch) -> dict[str, Any]:
    """Plain data from which ``restore`` goes on."""
    refinement = march.refinement
    return {
        "pieces": [piece.state() for piece in march.pieces],
        "edges": {name: torch.from_numpy(edges) for name, edges in refinement.edges.items()},
        "coarsest": {name: torch.from_numpy(edges) for name, edges in refinement.coarsest.items()},
        "size": torch.from_numpy(march.size),
        "slab": march.slab if march.time is not None else 0.0,
        "coarse": march.coarse,
        "misfit": march.misfit,
        "suspect": march.suspect,
        "linear": march.linear,
        "guess": None if march.guess is None else march.guess.state(),
        **({"numbers": dict(march.numbers)} if march.numbers else {}),
    }


def restore(march: SlabMarch, state: dict[str, Any]) -> None:
    """Let a march of the same problem go on from a state."""
    refinement = march.refinement
    march.pieces = [_piece(march, data) for data in state["pieces"]]
    guess = state.get("guess")  # files of version 0.1 have none
    march.guess = None if guess is None else _piece(march, guess)
    refinement.edges = {name: edges.cpu().numpy() for name, edges in state["edges"].items()}
    for name, edges in state.get("coarsest", {}).items():  # files of version 0.1 have none
        refinement.coarsest[name] = edges.cpu().numpy()
    march.size, refinement.coarse = state["size"].cpu().numpy(), state["coarse"]
    # files of version 0.1 have none
    march.misfit, march.suspect = state.get("misfit", 0.0), state.get("suspect")
    march.linear = state.get("linear", False)
    march.numbers = {name: float(value) for name, value in state.get("numbers", {}).items()}
    if march.time is not None:
        start = march.problem.domain.time_interval[0]
        march.slab, march.now = state["slab"], march.pieces[-1].region.time_interval[1] if march.pieces else start


def _piece(march: SlabMarch, data: dict[str, Any]) -> Piece:
    made = march.discretization
    return Piece.from_data(data, march.basis, made.parameters, made.lift)
