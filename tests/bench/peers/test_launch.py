"""Peers in processes of their own: what goes there and comes back, and what happens without them."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from pinnlab.bench import FAILED, Results, Run, Schedule, bench, markdown, provenance
from pinnlab.bench.cases import Case, CaseError, load_case
from pinnlab.bench.peers import PEERS, is_peer, launch
from pinnlab.bench.peers.jinns import OurTask
from pinnlab.bench.peers.task import Task
from pinnlab.cli import main
from pinnlab.declaration import relative_error as errors

MACHINE = provenance("pinnlab bench")
HEAT = '''"""Heat between insulated ends."""
import math
import torch
import pinnlab as pl

def problem(kappa=0.1):
    return pl.Problem(
        # packages that sort coordinates by name must not mix these up
        domain=pl.Box(z=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, kappa: u.t - kappa * u.d("z", "z"),
        conditions=[pl.Initial(u=lambda z: torch.cos(math.pi * z)), pl.Neumann(u=0.0, on="z")],
        parameters={"kappa": kappa},
        reference=lambda z, t, kappa: torch.exp(-kappa * math.pi**2 * t) * torch.cos(math.pi * z),
    )

def recipe():
    return pl.PINN(network=pl.MLP(width=10, depth=2), points=200)
'''
GROWTH = '''"""Exponential growth."""
import torch
import pinnlab as pl

def problem():
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u,
        conditions=[pl.Initial(u=1.0)],
        reference=lambda t: torch.exp(t),
    )

def recipe():
    return pl.PINN(network=pl.MLP(width=8, depth=1), points=60)
'''
FAKE = '''"""A peer that learns nothing."""
import os
import torch

PACKAGES = ()

def train(task, recorder):
    assert os.environ["OMP_NUM_THREADS"] == "1" and torch.get_num_threads() == 1
    if task.seed == 13:
        raise RuntimeError("bad luck")
    zero = lambda at: task.exact(at, torch.zeros(len(at), 1, dtype=task.dtype))
    recorder.start(zero, task.dtype)
    while not recorder.check():
        pass
    return f"nothing on {task.layers}"
'''


@pytest.fixture
def heat(tmp_path: Path) -> Case:
    path = tmp_path / "heat.py"
    path.write_text(HEAT)
    return load_case(str(path), {"kappa": 0.2})


@pytest.fixture
def idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a peer that learns nothing."""
    (tmp_path / "fake_peer.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(PEERS, "idle", "fake_peer")
    return "idle"


def quiet(line: str) -> None:
    pass


def test_a_peer_is_run_in_a_process_of_its_own_and_not_again(heat: Case, idle: str, tmp_path: Path) -> None:
    schedule = Schedule([heat], (idle,), (5,), max_seconds=0.2)
    results, complete = bench(schedule, Results(MACHINE), lambda found: None, quiet)
    (run,) = results.runs
    assert complete and run.key == ("heat (kappa=0.2)", idle, 5, 0.2)
    assert run.configuration == "nothing on [2, 10, 10, 1]" and run.status == "BUDGET_REACHED"
    # u stays cos(pi z), and the error is that of 1 against exp(-kappa pi^2 t)
    t = errors.error_grid(heat.problem().domain)[:257, 1]
    right = torch.exp(-0.2 * math.pi**2 * t)
    assert run.error == pytest.approx(float((1 - right).norm() / right.norm()), rel=1e-9)
    assert run.seconds >= 0.2 and run.curve["error"][-1] == pytest.approx(run.error, rel=0.02)
    assert set(run.curve) == {"seconds", "loss", "held_out", "window", "error"} and math.isnan(run.curve["loss"][0])
    assert "heat (kappa=0.2), idle: nothing on [2, 10, 10, 1]." in markdown(results)
    results.write(tmp_path / "results.json")
    lines: list[str] = []
    bench(schedule, Results.read(tmp_path / "results.json"), lambda found: None, lines.append)
    assert lines == ["heat (kappa=0.2): 0 runs to do, 1 done before"]


@pytest.mark.slow
def test_a_process_that_fails_is_a_failed_run_with_its_last_words(heat: Case, idle: str) -> None:
    results, complete = bench(Schedule([heat], (idle,), (13,)), Results(MACHINE), lambda found: None, quiet)
    (run,) = results.runs
    assert complete and run.status == FAILED and "RuntimeError: bad luck" in run.message


def test_a_package_that_is_not_installed_is_named_with_its_extra(heat: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    from pinnlab.bench.peers import deepxde

    monkeypatch.setattr(deepxde, "PACKAGES", ("no_such_package",))
    with pytest.raises(CaseError, match=r"deepxde needs no_such_package.*\[benchmarks\]"):
        bench(Schedule([heat], ("recipe", "deepxde")), Results(MACHINE), lambda found: None, quiet)
    result = CliRunner().invoke(main, ["bench", str(heat.module.__file__), "--solver", "deepxde"])
    assert result.exit_code == 2 and "[benchmarks]" in result.output


def test_peers_are_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from pinnlab.bench.peers import pina

    monkeypatch.setattr(pina, "PACKAGES", ())
    launch.require("pina")
    with pytest.raises(CaseError, match="--device cuda: peers are compared on the CPU"):
        launch.require("pina", "cuda")
    assert is_peer("pina") and not is_peer("recipe") and not is_peer(None)


def test_the_process_has_one_thread_no_gpu_and_no_launcher() -> None:
    outside = {"HOME": "/home/me", "RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "7", "OMP_NUM_THREADS": "8"}
    assert launch.environment(outside) == {
        "HOME": "/home/me", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        "DDE_BACKEND": "pytorch", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip


def installed(peer: str) -> None:
    for package in launch.importlib.import_module(PEERS[peer]).PACKAGES:
        if importlib.util.find_spec(package) is None:  # importing it here would change global state
            pytest.skip(f'{package} is not installed: pip install -c constraints.txt -e ".[benchmarks]"')


def in_a_process(script: str, path: Path) -> list[float]:
    """Numbers that a script prints as its last line."""
    ended = subprocess.run(
        [sys.executable, "-c", SETUP.format(path=str(path)) + script], env=launch.environment(os.environ), text=True,
        capture_output=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return [float(number) for number in ended.stdout.splitlines()[-1].split()]


SETUP = """
import numpy as np, torch
from pinnlab.bench.peers.task import Task, stacked
from pinnlab.bench.peers.translation import by_autograd
from pinnlab.bench.cases import load_case
case = load_case({path!r})
task = Task.of(case.problem(), case.solver("recipe"))
equations, *walls = task.parts
wall = walls[0] if walls else None
def plain(part, sites, net):
    at = stacked(sites).requires_grad_()
    return task.residuals(part, sites, at, net(at), by_autograd(at))
"""
DEEPXDE = """
import deepxde as dde
from pinnlab.bench.peers.deepxde import _Condition, _geometry, _pde
dde.config.set_default_float("float64")
rng = np.random.default_rng(0)
condition = _Condition(task, wall, 0, rng)
data = dde.data.PDE(_geometry(task, rng), _pde(task), [condition], equations.n, train_distribution="pseudo")
net = dde.nn.FNN(task.layers, "tanh", "Glorot normal")
net.apply_feature_transform(task.features)
model = dde.Model(data, net)
model.compile("adam", lr=1e-3, verbose=0)
found = model.outputs_losses_train(data.train_x, None, None)[1].tolist()
inner = (type(condition._sites[0])(torch.from_numpy(data.train_x_all)),)
pairs = [(equations, inner), (wall, condition._sites)]
print(*found, *(float(plain(part, sites, net).square().mean()) for part, sites in pairs))
"""
PINA = """
from pina.solver import PhysicsInformedSingleModelSolver
from pinnlab.bench.peers.pina import _Network, _condition, _problem
parts = [equations, wall]
conditions = {str(i): _condition(task, part, np.random.default_rng(i)) for i, part in enumerate(parts)}
net = _Network(task)
solver = PhysicsInformedSingleModelSolver(problem=_problem(task, conditions), model=net)
found = [float(c.evaluate({"input": c.input.clone()}, solver).square().mean()) for c in conditions.values()]
ours = [plain(part, task.sites(part, np.random.default_rng(i)), net).square().mean() for i, part in enumerate(parts)]
print(*found, *(float(value) for value in ours))
"""

BRUSSELATOR = '''"""Two unknowns, a mixed derivative, a coefficient that varies, and a ramp from the initial values."""
import torch
import pinnlab as pl

def problem():
    def equations(u, v, x, a):
        return {"first": u.t - a * u.xx + torch.exp(-x) * v**2, "second": v.d("x", "t") - u.x / (1 + x**2) - torch.tanh(v)}
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)), unknowns=("u", "v"), equations=equations, parameters={"a": 0.3},
        conditions=[pl.Initial(u=lambda x: torch.sin(x), v=1.0)],
    )

def recipe():
    return pl.PINN(network=pl.MLP(width=10, depth=2), points=200)
'''
JINNS = """
from pinnlab.bench.peers.jinns import OurTask, start_jax
start_jax(task)
import jax, jinns
own = OurTask(task)
u, weights = own.network()
params = jinns.parameters.Params(nn_params=weights, eq_params={})
loss, batch = own.loss(u, params), own.data().get_batch()[1]
value, gradient = jax.value_and_grad(lambda p: loss(p, batch)[0])(params)
def net(x):
    value = task.features(x)
    for layer in own._layers[:-1]:
        value = torch.tanh(layer(value))
    return own._layers[-1](value)
ours = plain(equations, task.sites(equations, np.random.default_rng([0, 1])), net).square().sum(dim=1).mean()
ours = ours * equations.term.weight
ours.backward()
at = torch.rand(5, 2, dtype=torch.float64)
drawn = own.unknowns(at) - task.exact(at, net(at))
assert float(drawn.detach().abs().max()) == 0.0
slopes = [float(np.abs(g).max()) for g in jax.tree.leaves(gradient.nn_params)]
right = [float(p.grad.abs().max()) for layer in own._layers for p in (layer.weight, layer.bias)]
print(float(value), *slopes, float(ours.detach()), *right)
"""


@pytest.mark.slow
def test_what_jinns_minimizes_is_what_we_would_and_so_is_its_gradient(tmp_path: Path) -> None:
    installed("jinns")
    path = tmp_path / "brusselator.py"
    path.write_text(BRUSSELATOR)
    found = in_a_process(JINNS, path)
    theirs, ours = found[: len(found) // 2], found[len(found) // 2 :]
    assert theirs == pytest.approx(ours, rel=1e-10) and min(ours) > 1e-6


def test_jinns_is_compared_without_soft_conditions(heat: Case) -> None:
    with pytest.raises(ValueError, match="heat .* has conditions that are not built in.*--solver deepxde"):
        OurTask(Task.of(heat.problem(), heat.solver("recipe")))


@pytest.mark.slow
@pytest.mark.parametrize(("peer", "script"), [("deepxde", DEEPXDE), ("pina", PINA)])
def test_what_a_peer_minimizes_is_what_we_would(peer: str, script: str, heat: Case) -> None:
    installed(peer)
    first, second, *expected = in_a_process(script, Path(str(heat.module.__file__)))
    assert [first, second] == pytest.approx(expected, rel=1e-12) and min(expected) > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["deepxde", "pina", "jinns", "jinns-natural"])
def test_a_peer_learns(peer: str, tmp_path: Path) -> None:
    installed(peer)
    path = tmp_path / "growth.py"
    path.write_text(GROWTH)
    case = load_case(str(path))
    run = launch.run_peer(case, Run(case.label, peer, 0, 10.0), torch.float64)
    second = {"jinns": "SSBroyden", "jinns-natural": "natural gradient"}.get(peer, "L-BFGS")
    assert run.status == "BUDGET_REACHED" and second in run.configuration and "60 points" in run.configuration
    assert run.error < 0.02
