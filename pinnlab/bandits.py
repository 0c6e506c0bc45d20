"""Contextual bandits on Gaussian processes: which of a fixed set of arms suits a context. They know nothing of PDEs."""

from pinnlab.selection.bandits import (
    UCB,
    Bandit,
    Fixed,
    Game,
    Greedy,
    Optimistic,
    Play,
    Policy,
    Random,
    SequentialBandit,
    Thompson,
    credit,
)  # fmt: skip

__all__ = [
    "UCB", "Bandit", "Fixed", "Game", "Greedy", "Optimistic", "Play", "Policy", "Random", "SequentialBandit", "Thompson",
    "credit",
]  # fmt: skip
