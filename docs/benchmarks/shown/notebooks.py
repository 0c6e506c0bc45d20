"""The cards of the notebooks: which picture, and a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NotebookCard:
    """One card.

    Attributes:
        name: of the notebook.
        picture: its number among those that the notebook shows.
        line: what one learns there.
        part: of the picture that is shown: left, top, right and bottom as shares of its width and height.
    """

    name: str
    picture: int
    line: str
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


NOTEBOOKS = (
    NotebookCard("quickstart", 0, "An equation, a solution, and the classical one beside it.", (0, 0.05, 0.327, 1)),
    NotebookCard("reports", 0, "What a report says of good and bad solutions, and why.", (0.68, 0.08, 1, 1)),
    NotebookCard("inverse", 2, "Numbers from data, with intervals.", (0, 0, 0.51, 1)),
    NotebookCard(
        "inverse_cases", 2, "An epidemic from a CSV file, a cup, an unknown law of soil, a map.", (0.5, 0, 1, 1)
    ),
    NotebookCard("inverse_fields", 3, "Rates from files, a modulus field, layers of the ground.", (0.5, 0, 1, 1)),
    NotebookCard("materials", 1, "Copper, glass, and a wire in a plate.", (0, 0.08, 0.33, 1)),
    NotebookCard("regions", 0, "Finite elements as a referee where grids end.", (0, 0.1, 0.537, 1)),
    NotebookCard("custom_mesh", 0, "A mesh of gmsh with its tags, and normals.", (0, 0, 0.845, 1)),
    NotebookCard(
        "three_dimensions", 0, "A block with a hole, cut by its boundary and not meshed.", (0, 0.02, 0.24, 0.56)
    ),
    NotebookCard("causal", 0, "Weights that let time pass, step by step.", (0, 0, 0.5, 0.5)),
    NotebookCard("chaotic", 3, "How long a chaotic system can be followed.", (0, 0, 0.448, 1)),
    NotebookCard("lagrangian", 0, "Networks that move along."),
    NotebookCard("hard_constraints", 1, "Experts on cells, solved for and not trained."),
    NotebookCard("multidomain", 2, "Which conditions at interfaces suit which problem.", (0.598, 0.05, 1, 1)),
    NotebookCard("distributed", 0, "The same script in several processes.", (0, 0, 0.5, 1)),
)
