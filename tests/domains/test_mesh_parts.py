"""Named parts of a mesh: materials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains import from_data

NODES = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
LOWER, UPPER = [0, 1, 2], [0, 2, 3]
HALVES = pl.Mesh(NODES, [LOWER, UPPER], parts={"copper": [0], "glass": [1]})


def test_a_part_is_a_region() -> None:
    copper = HALVES.part("copper")
    points = torch.tensor([[0.9, 0.1], [0.1, 0.9], [1.0, 0.0]], dtype=torch.float64)
    assert copper.contains(points).tolist() == [True, False, True]
    assert copper.coordinates == ("x", "y") and copper.bounds == {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def test_parts_are_kept_in_files_and_other_units() -> None:
    kept = from_data(HALVES.to_data())
    assert isinstance(kept, pl.Mesh) and {n: k.tolist() for n, k in kept.parts.items()} == {"copper": [0], "glass": [1]}
    assert "parts" not in pl.Mesh(NODES, [LOWER, UPPER]).to_data()


@pytest.mark.parametrize(
    ("given", "message"),
    [([], "one element or more"), ([2], "numbers run from 2 to 2, for 2 elements"), ([0.0], "float64 of shape")],
)
def test_parts_that_cannot_be(given: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=r"Mesh\(parts\['iron'\].*" + message):
        pl.Mesh(NODES, [LOWER, UPPER], parts={"iron": given})


def test_physical_groups_of_gmsh_become_parts(tmp_path: Path) -> None:
    meshio = pytest.importorskip("meshio")
    sides = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    groups = [np.array([1, 1, 2, 2]), np.array([7, 8])]
    found = meshio.Mesh(
        np.c_[NODES, np.zeros(4)],
        [("line", sides), ("triangle", np.array([LOWER, UPPER]))],
        cell_data={"gmsh:physical": groups, "gmsh:geometrical": groups},
        field_data={"warm": np.array([1, 1]), "cold": np.array([2, 1]), "copper": np.array([7, 2])},
    )
    found.write(tmp_path / "halves.msh", file_format="gmsh22")
    mesh = pl.Mesh.read(tmp_path / "halves.msh")
    assert set(mesh.named_pieces) == {"warm", "cold"}
    assert {name: k.tolist() for name, k in mesh.parts.items()} == {"copper": [0], "tag8": [1]}


def conduction(u, k):
    return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")


def test_materials_by_the_names_of_parts() -> None:
    # u = (y - x) / k: zero on the diagonal, across which the flux is continuous
    with pytest.raises(ValueError, match=r"parameters\['k'\].*names no part of Mesh.*its parts are 'copper', 'glass'"):
        pl.Problem(HALVES, "u", conduction, pl.Dirichlet(u=0.0), {"k": pl.Piecewise(("top", 2.0), otherwise=1.0)})

    def exact(x, y):
        return (y - x) / torch.where(y < x, 400.0, 1.38)

    problem = pl.Problem(
        HALVES, "u", conduction, pl.Dirichlet(u=exact), {"k": pl.Piecewise(("copper", 400.0), otherwise=1.38)}
    )
    found = pl.reference_solution(problem, tolerance=1e-6)
    x, y = np.random.default_rng(0).uniform(size=(2, 500))
    truth = exact(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    assert np.abs(found(x=x, y=y)["u"] - truth).max() < 1e-9
    assert found.error_estimate["u"] < 1e-6
    with pytest.raises(ValueError, match="where regions of a pl.Piecewise end there, and by the classical solver"):
        pl.solve(problem, pl.PINN())


def test_names_of_parts_need_a_mesh() -> None:
    with pytest.raises(ValueError, match=r"parameters\['k'\].*'copper'.*names a part, which only a mesh has"):
        pl.Problem(
            pl.Box(x=(0.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x"), pl.Dirichlet(u=0.0),
            {"k": pl.Piecewise(("copper", 400.0), otherwise=1.38)},
        )  # fmt: skip
