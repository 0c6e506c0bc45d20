"""Problems on regions that are no boxes, from the declaration to the file: manufactured solutions, plain networks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains import Region
from pinnlab.solvers.choice import choose
from pinnlab.training.plans import Settings

GMSH = Path(__file__).parents[2] / "problems" / "data" / "obstacle.msh"
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
DISC = pl.Ball(center={"x": 0.5, "y": 0.0}, radius=1.0)
ELL = pl.Polygon([(0, 0), (0, 1), (-1, 1), (-1, -1), (1, -1), (1, 0)])
SQUARE_WITH_HOLE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.25)


def unit(n: int, d: int) -> torch.Tensor:
    return torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def tiny(steps: int = 25, **options: object) -> pl.PINN:
    stages = (pl.LevenbergMarquardt(steps=steps),)
    return pl.PINN(network=pl.MLP(width=10, depth=2), stages=stages, points=600, boundary_points=80, **options)  # type: ignore[arg-type]


def exact(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.sin(2 * x) * torch.cos(y) + x


def exact_by_x(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 2 * torch.cos(2 * x) * torch.cos(y) + 1


def poisson(domain: Region, conditions: list | None = None) -> pl.Problem:
    return pl.Problem(
        domain=domain,
        unknowns="u",
        equations=lambda u, x, y: u.xx + u.yy + 5 * torch.sin(2 * x) * torch.cos(y),
        conditions=conditions or [pl.Dirichlet(u=exact)],
        reference=exact,
    )


def heat(domain: Region, **options: object) -> pl.Problem:
    def solution(x: torch.Tensor, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.exp(-2 * t) * torch.sin(x) * torch.sin(y) + x

    return pl.Problem(
        domain=domain,
        unknowns="u",
        equations=lambda u: u.t - u.xx - u.yy,
        conditions=[
            pl.Initial(u=lambda x, y: torch.sin(x) * torch.sin(y) + x, **options),  # type: ignore[arg-type]
            pl.Dirichlet(u=solution),
        ],
        reference=solution,
    )


def solve(problem: pl.Problem, solver: pl.PINN | pl.CausalPINN | None = None) -> pl.Solution:
    return pl.solve(problem, solver or tiny(), progress=False)


@pytest.mark.parametrize("region", [DISC, ELL, SQUARE_WITH_HOLE], ids=["disc", "ell", "hole"])
def test_poisson(region: Region) -> None:
    solution = solve(poisson(region))
    assert solution.error()["u"] < 1e-3
    inside, outside = region.interior(unit(5, 2)).points, torch.full((1, 2), 9.0).double()
    at = torch.cat([inside, outside])
    assert torch.isfinite(solution.residual(x=at[:, 0], y=at[:, 1])["equation0"]).tolist() == [True] * 5 + [False]


def test_poisson_on_a_mesh_with_dirichlet_and_neumann_values() -> None:
    mesh = pl.Mesh.read(GMSH)
    conditions = [
        pl.Dirichlet(u=exact, on="left"),
        pl.Dirichlet(u=exact, on="walls"),
        pl.Dirichlet(u=exact, on="obstacle"),
        pl.Neumann(u=exact_by_x, on="right"),
    ]
    problem = poisson(mesh, conditions)
    how = dict(zip((c.on for c in conditions), (h for _, h in problem.check().conditions), strict=True))
    assert how == {"left": "exact", "walls": "soft", "obstacle": "soft", "right": "soft"}
    solution = solve(problem)
    assert solution.error()["u"] < 1e-3
    y = np.linspace(0, 1, 7)
    np.testing.assert_allclose(
        solution(x=0.0, y=y)["u"], exact(torch.zeros(7), torch.from_numpy(y)), atol=1e-14, rtol=0
    )


def test_a_neumann_condition_on_a_curved_piece_sees_both_derivatives() -> None:
    """Even where the few points of the dry run happen to lie on a part of the piece that is parallel to an axis."""
    nodes = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, -0.001]])
    elements = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1]])
    mesh = pl.Mesh(nodes, elements, {"wall": np.array([[2, 3], [0, 4]]), "rest": np.array([[0, 3], [1, 2], [1, 4]])})
    problem = poisson(mesh, [pl.Dirichlet(u=exact, on="rest"), pl.Neumann(u=0.0, on="wall")])
    system = tiny().plan(problem, SETTINGS).start(0, []).system  # type: ignore[union-attr]
    (wall,) = [block for block in system.blocks if "neumann u wall" in block.residuals]
    assert set(wall.indices) == {(), (0,), (1,)}, "the value, and the derivatives by x and by y"


def test_heat_on_a_disc() -> None:
    problem = heat(DISC * pl.Box(t=(0.0, 1.0)))
    assert [how for _, how in problem.check().conditions] == ["exact", "soft"]
    solution = solve(problem)
    assert solution.error()["u"] < 2e-3
    points = DISC.interior(unit(9, 2)).points.numpy()
    x, y = points.T
    np.testing.assert_allclose(solution(x=x, y=y, t=0.0)["u"], np.sin(x) * np.sin(y) + x, atol=1e-14, rtol=0)
    soft = solve(heat(DISC * pl.Box(t=(0.0, 1.0)), exact=False))
    assert soft.error()["u"] < 3e-3


def test_windows_and_causal_weights_march_through_a_product() -> None:
    problem = heat(DISC * pl.Box(t=(0.0, 1.0)))
    solver = pl.CausalPINN(
        network=pl.MLP(width=8, depth=2),
        stages=(pl.LevenbergMarquardt(steps=15),),
        points=400,
        boundary_points=60,
        windows=2,
    )
    solution = solve(problem, solver)
    assert len(solution.models) == 2 and solution.models[1].region == DISC * pl.Box(t=(0.5, 1.0))
    assert solution.error()["u"] < 3e-3


def test_a_product_can_be_periodic_along_a_box() -> None:
    region = pl.Ball({"y": 0.0, "z": 0.0}, 1.0) * pl.Box(x=(0.0, 2.0))
    problem = pl.Problem(
        domain=region,
        unknowns="u",
        equations=lambda u: u.xx + u.yy + u.zz + 1,
        conditions=[pl.Periodic(on="x"), pl.Dirichlet(u=0.0, on="surface")],
    )
    solution = solve(problem, tiny(steps=3))
    ends = solution(y=0.3, z=-0.2, x=np.array([0.0, 2.0]))["u"]
    assert ends[0] == pytest.approx(ends[1], abs=1e-14)
    with pytest.raises(ValueError, match="not a spatial coordinate of a box"):
        problem.replace(conditions=[pl.Periodic(on="y")])


def test_the_ends_of_a_cylinder_are_exact() -> None:
    def solution(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(x) * y + z**2

    problem = pl.Problem(
        domain=pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(z=(0.0, 2.0)),
        unknowns="u",
        equations=lambda u, x, y: u.xx + u.yy + u.zz + torch.sin(x) * y - 2,
        conditions=[pl.Dirichlet(u=solution, on="z"), pl.Dirichlet(u=solution, on="surface")],
        reference=solution,
    )
    assert [how for _, how in problem.check().conditions] == ["exact", "soft"] and problem.check().complete
    found = solve(problem, tiny(steps=15))
    assert found(x=0.3, y=-0.4, z=2.0)["u"] == pytest.approx(math.sin(0.3) * -0.4 + 4.0, abs=1e-13)
    assert found.error()["u"] < 1e-5


@pytest.mark.parametrize(
    "region",
    [DISC, ELL, SQUARE_WITH_HOLE, pl.Mesh.read(GMSH), DISC * pl.Box(t=(0.0, 1.0))],
    ids=["disc", "ell", "hole", "mesh", "disc and time"],
)
def test_solutions_are_saved_and_loaded(region: Region, tmp_path: Path) -> None:
    problem = heat(region) if region.has_time else poisson(region)
    solution = solve(problem, tiny(steps=2))
    solution.save(tmp_path / "solution.pt")
    loaded = pl.Solution.load(tmp_path / "solution.pt", problem)
    assert loaded.problem.domain == region
    columns = region.columns(region.interior(unit(20, len(region.coordinates))).points)
    torch.testing.assert_close(loaded(**columns)["u"], solution(**columns)["u"], rtol=0, atol=1e-10)


def test_a_run_resumes_on_a_mesh(tmp_path: Path) -> None:
    problem = poisson(pl.Mesh.read(GMSH))
    whole = pl.solve(problem, tiny(steps=16), progress=False)
    path, new = tmp_path / "run.ckpt", []
    stopped = pl.solve(problem, tiny(steps=16), checkpoint=path, progress=False, callbacks=(lambda record: True,))
    assert [record.step for record in stopped.history] == [10]
    again = poisson(pl.Mesh.read(GMSH))
    resumed = pl.solve(again, tiny(steps=16), checkpoint=path, progress=False, callbacks=(new.append,))
    assert [record.step for record in new] == [16] and resumed.error() == whole.error()
    finer = pl.Mesh(pl.Mesh.read(GMSH).nodes.numpy() * 1.01, pl.Mesh.read(GMSH).elements.numpy())
    with pytest.raises(ValueError, match="belongs to another problem"):
        pl.solve(poisson(finer), tiny(steps=16), checkpoint=path, progress=False)


def test_grids_are_empty_outside() -> None:
    solution = solve(poisson(SQUARE_WITH_HOLE), tiny(steps=2))
    axes, values = solution.on_grid(x=11, y=11)
    x, y = np.meshgrid(*axes.values(), indexing="ij")
    assert (np.isnan(values["u"]) == (np.hypot(x - 0.5, y - 0.5) < 0.25 - 1e-9)).all()
    assert pl.Solution.to_xarray(solution, x=11, y=11)["u"].isnull().sum() == np.isnan(values["u"]).sum()


def test_the_choice_is_experts_on_cut_cells_also_where_there_is_time() -> None:
    assert choose(poisson(DISC), SETTINGS, 60.0).solver == pl.HardConstraintMoE()
    assert choose(heat(DISC * pl.Box(t=(0.0, 1.0))), SETTINGS, 60.0).solver == pl.HardConstraintMoE()


def test_solvers_that_need_boxes_say_so() -> None:
    with pytest.raises(ValueError, match="LagrangianPINN follows characteristics .* Use pl.PINN"):
        pl.solve(heat(DISC * pl.Box(t=(0.0, 1.0))).replace(velocity=(1.0, 1.0)), pl.LagrangianPINN(), progress=False)
    ball = pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0, "w": 0.0}, 1.0)
    with pytest.raises(ValueError, match="4 space dimensions .* Pass a reference of your own"):
        pl.reference_solution(poisson(ball))


def test_exact_values_on_curves_are_refused_or_soft_with_a_note() -> None:
    with pytest.raises(
        ValueError, match="cannot be exact: values are built in on whole faces of a box only, not on 'surf"
    ):
        poisson(DISC, [pl.Dirichlet(u=exact, exact=True)])
    report = poisson(DISC).check()
    assert any("is soft: values are built in on whole faces of a box only, not on 'surface'" in n for n in report.notes)
    mixed = poisson(
        SQUARE_WITH_HOLE,
        [pl.Dirichlet(u=exact, on="x"), pl.Dirichlet(u=exact, on="surface"), pl.Neumann(u=0.0, on="y")],
    )
    assert [how for _, how in mixed.check().conditions] == ["exact", "soft", "soft"]


def test_the_report_names_bare_pieces() -> None:
    report = poisson(SQUARE_WITH_HOLE, [pl.Dirichlet(u=exact, on="x"), pl.Dirichlet(u=exact, on="y-")]).check()
    assert not report.complete and any("no condition on u at 'surface'" in text for text in report.missing)
    assert poisson(ELL).check().complete
    report = poisson(ELL, [pl.Dirichlet(u=exact, on="edge1")]).check()
    assert any("'edge0', 'edge2', 'edge3'" in text for text in report.missing)


def test_unknown_tags_fail_when_the_problem_is_built() -> None:
    with pytest.raises(ValueError, match="on='wall' names no boundary of Mesh.*'walls'"):
        poisson(pl.Mesh.read(GMSH), [pl.Dirichlet(u=0.0, on="wall")])


def test_data_must_lie_inside() -> None:
    with pytest.raises(ValueError, match="1 of 2 points lie outside"):
        poisson(SQUARE_WITH_HOLE, [pl.Data({"x": [0.1, 0.5], "y": [0.1, 0.5]}, u=[0.0, 0.0])])
