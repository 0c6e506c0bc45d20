"""Contextual bandits on Gaussian processes: which of a fixed set of arms suits a context. They know nothing of PDEs."""

from pinnlab.selection.bandits.contextual import Bandit, Play
from pinnlab.selection.bandits.policies import UCB, Fixed, Greedy, Optimistic, Policy, Random, Thompson
from pinnlab.selection.bandits.sequential import Game, SequentialBandit, credit

__all__ = [
    "UCB", "Bandit", "Fixed", "Game", "Greedy", "Optimistic", "Play", "Policy", "Random", "SequentialBandit", "Thompson",
    "credit",
]  # fmt: skip
