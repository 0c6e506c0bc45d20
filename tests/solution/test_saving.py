from __future__ import annotations

import copy
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.machine import files

PI = math.pi
FEW = (pl.Adam(steps=3),)


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


def periodic_windows() -> tuple[pl.Problem, pl.PINN]:
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Periodic(on="x")],
        parameters={"nu": 0.1},
        reference=lambda x, t, nu: torch.exp(-nu * PI**2 * t) * torch.sin(PI * x),
    )
    return problem, pl.PINN(network=pl.MLP(width=6, depth=2), windows=3, harmonics=2, stages=FEW)


def torus_windows() -> tuple[pl.Problem, pl.PINN]:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), y=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx - u.yy,
        conditions=[
            pl.Initial(u=lambda x, y: torch.sin(PI * x) * torch.cos(PI * y)),
            pl.Periodic(on="x"),
            pl.Periodic(on="y"),
        ],
    )
    return problem, pl.PINN(network=pl.MLP(width=5, depth=1), windows=2, points=50, stages=FEW)


def wave_windows() -> tuple[pl.Problem, pl.PINN]:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), t=(1.0, 2.0)),
        unknowns="u",
        equations=lambda u: u.tt - u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(PI * x), u_t=lambda x: x * (2 - x)), pl.Dirichlet(u=0.0)],
    )
    return problem, pl.PINN(network=pl.ModifiedMLP(width=5, depth=2), windows=(1.3,), stages=FEW)


def moving_ends() -> tuple[pl.Problem, pl.PINN]:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), y=(-1.0, 1.0), t=(0.0, 0.5)),
        unknowns=("u", "v"),
        equations=lambda u, v: {"first": u.t - v.xx - u.yy, "second": v.t - u.x},
        conditions=[
            pl.Initial(u=lambda x, y, k: x * torch.cos(k * y), v=1.0),
            pl.Dirichlet(u=lambda y, t, k: 2 * torch.cos(k * y) + t, on="x+"),
            pl.Data({"x": [1.0], "y": [0.0], "t": [0.1]}, v=[1.0]),
        ],
        parameters={"k": 1.5},
    )
    return problem, pl.PINN(network=pl.MLP(width=5, depth=1, activation="swish"), points=50, stages=FEW)


def pendulum() -> tuple[pl.Problem, pl.PINN]:
    problem = pl.Problem(
        domain=pl.Box(t=(0.0, 2.0)),
        unknowns=("a", "b"),
        equations=lambda a, b, w: {"a": a.t - b, "b": b.t + w * torch.sin(a)},
        conditions=[pl.Initial(a=1.0, b=0.0), pl.Data({"t": np.linspace(0, 2, 5)}, a=np.zeros(5))],
        parameters={"w": pl.Unknown(0.7)},
    )
    return problem, pl.PINN(network=pl.MLP(width=5, depth=1, activation="sin"), stages=FEW)


def pirate() -> tuple[pl.Problem, pl.PINN]:
    problem, _ = periodic_windows()
    network = pl.PirateNet(width=6, depth=1, embedding=pl.FourierEmbedding(3, scale=1.5, seed=4), factorized=True)
    return problem, pl.PINN(network=network, stages=FEW)


def sized() -> tuple[pl.Problem, pl.PINN]:
    problem, _ = periodic_windows()
    network = pl.MLP(2, 1, width=5, depth=1, embedding=pl.PeriodicEmbedding({0: 2.0}, harmonics=2))
    return problem, pl.PINN(network=network, stages=FEW)


def solved(case: Callable[[], tuple[pl.Problem, pl.PINN]], **options: object) -> pl.Solution:
    problem, solver = case()
    solution = pl.solve(problem, solver, progress=False, **options)
    for k, model in enumerate(solution.models):  # far from zero, so that every part of the file counts
        generator = torch.Generator().manual_seed(k)
        model.theta = 0.7 * torch.randn(model.size, generator=generator, dtype=torch.float64)
    return solution


def scattered(problem: pl.Problem, n: int = 300) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {name: rng.uniform(*bounds, n) for name, bounds in problem.domain.bounds.items()}


def seam_layer() -> tuple[pl.Problem, pl.PINN]:
    """x^2 cos(pi x) has a slope jump at x = +-1, which the ansatz smooths in time."""
    problem = periodic_windows()[0].replace(
        conditions=[pl.Initial(u=lambda x: x**2 * torch.cos(PI * x)), pl.Periodic(on="x")]
    )
    assert problem.exact_plan().ansatz.profiles[0] is not None
    return problem, pl.PINN(network=pl.MLP(width=5, depth=1), stages=FEW)


CASES = [seam_layer, periodic_windows, torus_windows, wave_windows, moving_ends, pendulum, pirate, sized]


@pytest.mark.parametrize("case", CASES)
def test_round_trip(case: Callable, tmp_path: Path) -> None:
    solution, path = solved(case), tmp_path / "solution.pt"
    solution.save(path)
    before = torch.get_rng_state()
    loaded = pl.Solution.load(path)
    assert torch.equal(before, torch.get_rng_state()), "loading drew from the global generator"
    at = scattered(solution.problem)
    expected, found = solution(**at), loaded(**at)
    assert list(found) == list(expected)
    for name in expected:
        assert np.abs(expected[name]).max() > 0.05
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-12 * np.abs(expected[name]).max())
    assert loaded.status is solution.status and loaded.seconds == solution.seconds
    assert loaded.history == solution.history and loaded.coefficients == solution.coefficients
    assert loaded.notes == solution.notes
    assert loaded.problem.unknowns == solution.problem.unknowns
    assert loaded.problem.parameters == solution.problem.parameters
    axes, grid = loaded.on_grid(**dict.fromkeys(solution.problem.domain.coordinates, 5))
    np.testing.assert_allclose(grid[name], solution.on_grid(**dict.fromkeys(axes, 5))[1][name], atol=1e-12, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_a_loaded_solution_can_be_saved_again(case: Callable, tmp_path: Path) -> None:
    solution = solved(case)
    solution.save(tmp_path / "a.pt")
    pl.Solution.load(tmp_path / "a.pt").save(tmp_path / "b.pt")
    first, second = pl.Solution.load(tmp_path / "a.pt"), pl.Solution.load(tmp_path / "b.pt")
    at = scattered(solution.problem, 20)
    for name, values in first(**at).items():
        np.testing.assert_array_equal(values, second(**at)[name])


def test_with_the_problem_everything_works(tmp_path: Path) -> None:
    solution = solved(periodic_windows)
    solution.save(tmp_path / "s.pt")
    loaded = pl.Solution.load(tmp_path / "s.pt", solution.problem)
    assert loaded.problem is solution.problem
    assert loaded.error() == pytest.approx(solution.error(), rel=1e-10)
    at = scattered(solution.problem)
    expected = solution.residual(**at)["heat"]
    np.testing.assert_allclose(loaded.residual(**at)["heat"], expected, atol=1e-8 * np.abs(expected).max(), rtol=0)


def test_without_the_problem_errors_say_what_to_do(tmp_path: Path) -> None:
    solution = solved(periodic_windows)
    solution.save(tmp_path / "s.pt")
    loaded = pl.Solution.load(tmp_path / "s.pt")
    for ask in (loaded.error, lambda: loaded.residual(x=0.0, t=0.0), lambda: loaded.compare()):
        with pytest.raises(ValueError, match="problem="):
            ask()
    assert not hasattr(loaded.problem, "equations")
    with pytest.raises(TypeError, match=r"a SavedProblem; .* declare it again and go on with solve\(problem, start="):
        pl.solve(loaded.problem)
    assert copy.copy(loaded.problem) == loaded.problem


def test_another_problem_is_refused(tmp_path: Path) -> None:
    solution = solved(periodic_windows)
    solution.save(tmp_path / "s.pt")
    with pytest.raises(ValueError, match="parameters=.*0.1.*0.2"):
        pl.Solution.load(tmp_path / "s.pt", solution.problem.at(nu=0.2))
    with pytest.raises(ValueError, match="domain=Box"):
        pl.Solution.load(tmp_path / "s.pt", pendulum()[0])


def test_an_interrupted_march_is_nan_beyond_its_end(tmp_path: Path) -> None:
    solution = solved(periodic_windows, callbacks=[lambda record: record.phase == 1])
    assert solution.status is pl.Status.INTERRUPTED and len(solution.models) == 2
    solution.save(tmp_path / "s.pt")
    loaded = pl.Solution.load(tmp_path / "s.pt")
    at = {"x": np.array([0.3, 0.3, 0.3]), "t": np.array([0.2, 0.6, 0.9])}
    np.testing.assert_allclose(loaded(**at)["u"], solution(**at)["u"], atol=1e-12, rtol=0)
    assert np.isnan(loaded(**at)["u"]).tolist() == [False, False, True]


class Own(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


class Subclass(pl.MLP):
    """Not one of the classes that a file may name."""


class OwnEmbedding(nn.Module):
    def width(self, inputs: int) -> int:
        return inputs

    def propagate(self, jet: object) -> object:
        return jet


@pytest.mark.parametrize(
    "network",
    [Own(), Subclass(2, 1, width=4, depth=1), pl.MLP(2, 1, width=4, depth=1, embedding=OwnEmbedding())],
    ids=["module", "subclass", "embedding"],
)
def test_a_network_of_ones_own(network: nn.Module, tmp_path: Path) -> None:
    problem = periodic_windows()[0].replace(conditions=[pl.Initial(u=lambda x: torch.sin(PI * x))])
    solution = pl.solve(problem, pl.PINN(network=network, windows=2, stages=FEW, points=30), progress=False)
    solution.save(tmp_path / "s.pt")
    with pytest.raises(ValueError, match=f"{type(network).__name__} of your own.*network="):
        pl.Solution.load(tmp_path / "s.pt")
    with pytest.raises(ValueError, match="does not fit"):
        pl.Solution.load(tmp_path / "s.pt", network=Own(width=7))
    loaded = pl.Solution.load(tmp_path / "s.pt", network=network)
    at = scattered(problem)
    np.testing.assert_allclose(loaded(**at)["u"], solution(**at)["u"], atol=1e-12, rtol=0)
    assert loaded.models[0].network is not network


def test_float32_stays_float32(tmp_path: Path) -> None:
    problem, solver = periodic_windows()
    solution = pl.solve(problem, solver, progress=False, dtype=torch.float32)
    solution.save(tmp_path / "s.pt")
    loaded = pl.Solution.load(tmp_path / "s.pt")
    at = scattered(problem)
    assert loaded(**at)["u"].dtype == np.float32
    np.testing.assert_allclose(loaded(**at)["u"], solution(**at)["u"], atol=1e-5, rtol=0)


def test_data_that_no_series_holds_are_noted(tmp_path: Path) -> None:
    problem = periodic_windows()[0].replace(
        conditions=[pl.Initial(u=lambda x: torch.tanh(torch.sin(math.pi * x) / 0.01)), pl.Periodic(on="x")]
    )
    solution = pl.solve(problem, pl.PINN(network=pl.MLP(width=4, depth=1), stages=FEW), progress=False)
    solution.save(tmp_path / "s.pt")
    loaded = pl.Solution.load(tmp_path / "s.pt")
    (note,) = loaded.notes
    error = float(note.split("off by ")[1].split()[0])
    assert "exact value of u at t = 0" in note and 1e-6 < error < 1e-2
    at = scattered(problem)
    assert 1e-9 < np.abs(loaded(**at)["u"] - solution(**at)["u"]).max() < 3 * error


# -- files that are no solutions


class Payload:
    def __reduce__(self) -> tuple:
        return os.mkdir, (str(Payload.target),)

    target: Path


@pytest.mark.parametrize("writer", ["pickle", "torch", "inside"])
def test_loading_executes_nothing(writer: str, tmp_path: Path) -> None:
    Payload.target = tmp_path / "executed"
    path = tmp_path / "s.pt"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Payload()))
    elif writer == "torch":
        torch.save(Payload(), path)
    else:
        torch.save({"pinnlab": "solution", "version": 1, "models": [Payload()]}, path)
    with pytest.raises(ValueError, match="not loaded"):
        pl.Solution.load(path)
    assert not Payload.target.exists()


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.pt"
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        pl.Solution.load(path)
    for content in (b"", b"hello, world\n", bytes(range(256)) * 40, b"PK\x03\x04broken"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a file of pinnlab"):
            pl.Solution.load(path)
    torch.save({"weights": torch.ones(3)}, path)
    with pytest.raises(ValueError, match="not those of a pinnlab run"):
        pl.Solution.load(path)
    files.write(path, {"pinnlab": "checkpoint"})
    with pytest.raises(ValueError, match="checkpoint, not a solution"):
        pl.Solution.load(path)
    files.write(path, {"pinnlab": "solution", "version": 99})
    with pytest.raises(ValueError, match="another version"):
        pl.Solution.load(path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.pt"
    solved(periodic_windows).save(path)
    whole = files.read(path)
    changes: list[tuple[Callable[[dict], object], str]] = [
        (lambda d: d.pop("status"), "could not be put together again: KeyError: 'status'"),
        (lambda d: d.update(status="SPLENDID"), "could not be put together again: KeyError: 'SPLENDID'"),
        (lambda d: d["models"][0]["network"].update({"class": "Module"}), "names a network 'Module' that this version"),
        (lambda d: d["models"][0]["network"].update({"class": "os.system"}), "names a network 'os.system' that"),
        (
            lambda d: d["models"][0]["network"]["embedding"].update({"class": "__import__"}),
            "names an embedding '__import__' that",
        ),
        (lambda d: d["models"][0]["state"].popitem(), "does not fit the file: "),
        (lambda d: d["models"].pop(0), "the first time window is missing"),
    ]
    for change, message in changes:
        data = copy.deepcopy(whole)
        change(data)
        files.write(path, data)
        with pytest.raises(ValueError, match=message):
            pl.Solution.load(path)
