"""Materials in every kind of equation, against exact solutions: local experts, the classical solver, networks."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import scipy
import torch

import pinnlab as pl
from pinnlab.solvers.local_experts.kinks import Contact

LINE = pl.Box(x=(0.0, 1.0))
PLANE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def two(at, below, above, name="x", start=0.0):
    """One value below a position along a coordinate, another above it."""
    return pl.Piecewise((pl.Box(**{name: (start, at)}), below), otherwise=above)


def two_layers():
    """Half a metre of copper under half a metre of glass, 200 W/m2 into the glass: 365.7 K on top."""
    flux = [pl.Dirichlet(T=293.0, on="x-"), pl.Robin(T=(0.0, 1.38, 200.0), on="x+")]
    problem = pl.Problem(LINE, "T", lambda T, k: pl.diff(k * T.x, "x"), flux, {"k": two(0.5, 400.0, 1.38)})
    return problem, lambda x: np.where(x < 0.5, 293 + x / 2, 293.25 + 200 / 1.38 * (x - 0.5)), 1e-11


def sphere():
    """A shell in two layers: r^2 k T' is constant."""
    ends = [pl.Dirichlet(T=0.0, on="r-"), pl.Dirichlet(T=1.0, on="r+")]
    problem = pl.Problem(
        pl.Box(r=(1.0, 3.0)), "T", lambda T, k, r: pl.diff(r * r * k * T.r, "r") / r**2, ends,
        {"k": two(2.0, 1.0, 20.0, "r", 1.0)},
    )  # fmt: skip
    q = 1 / (1 / 2 + (1 / 2 - 1 / 3) / 20)
    return problem, lambda r: np.where(r < 2, q * (1 - 1 / r), q / 2 + q / 20 * (1 / 2 - 1 / r)), 1e-9


def bar():
    """A bar of moduli 1 and 1000 under its weight, held at both ends: E u' = c - x."""
    problem = pl.Problem(
        LINE, "u", lambda u, E: pl.diff(E * u.x, "x") + 1, pl.Dirichlet(u=0.0), {"E": two(0.3, 1.0, 1000.0)}
    )
    c = (0.3**2 / 2 + (1 - 0.3**2) / 2000) / (0.3 + 0.7 / 1000)

    def exact(x):
        soft = c * x - x * x / 2
        return np.where(x < 0.3, soft, c * 0.3 - 0.045 + (c * (x - 0.3) - (x * x - 0.09) / 2) / 1000)

    return problem, exact, 1e-11


def beam():
    """(b w'')'' = 1 with b = 1 and 5, clamped at both ends: b w'' = c0 + c1 x + x^2 / 2."""
    problem = pl.Problem(
        LINE, "w", lambda w, b: pl.diff(b * w.xx, "x", "x") - 1, [pl.Dirichlet(w=0.0), pl.Neumann(w=0.0)],
        {"b": two(0.4, 1.0, 5.0)},
    )  # fmt: skip
    moments = [np.polynomial.Polynomial(p) for p in ([1.0], [0.0, 1.0], [0.0, 0.0, 0.5])]

    def slope(moment, x):
        once = moment.integ()
        return np.where(x < 0.4, once(x), once(0.4) + (once(x) - once(0.4)) / 5)

    def deflection(moment, x):
        once, twice = moment.integ(), moment.integ(2)
        at = twice(0.4) + once(0.4) * (x - 0.4) + (twice(x) - twice(0.4) - once(0.4) * (x - 0.4)) / 5
        return np.where(x < 0.4, twice(x), at)

    ends = np.array([[slope(m, 1.0), deflection(m, 1.0)] for m in moments])
    c = np.linalg.solve(ends[:2].T, -ends[2])
    return problem, lambda x: sum(f * deflection(m, x) for f, m in zip((*c, 1.0), moments, strict=True)), 1e-7


def nonlinear():
    """A conductivity k (1 + T): the heat flow is linear in T + T^2 / 2."""
    ends = [pl.Dirichlet(T=0.0, on="x-"), pl.Dirichlet(T=1.0, on="x+")]
    problem = pl.Problem(LINE, "T", lambda T, k: pl.diff(k * (1 + T) * T.x, "x"), ends, {"k": two(0.6, 5.0, 1.0)})
    q = 1.5 / (0.6 / 5 + 0.4)
    return problem, lambda x: np.sqrt(1 + 2 * np.where(x < 0.6, q * x / 5, q * 0.12 + q * (x - 0.6))) - 1, 1e-9


def plane():
    """u = X(x) sin(pi y), k = 1 and 10 side by side: X = x + x^2, then 3/4 + (x - 1/2) / 5 + (x - 1/2)^2."""

    def profile(x):
        return torch.where(x < 0.5, x + x * x, 0.75 + (x - 0.5) / 5 + (x - 0.5) ** 2)

    def equation(u, k, f, x, y):
        source = (f - k * math.pi**2 * profile(x)) * torch.sin(math.pi * y)
        return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") - source

    def exact(x, y):
        return profile(torch.as_tensor(x)) * torch.sin(math.pi * torch.as_tensor(y))

    parameters = {"k": two(0.5, 1.0, 10.0), "f": two(0.5, 2.0, 20.0)}
    problem = pl.Problem(PLANE, "u", equation, pl.Dirichlet(u=exact), parameters)
    return problem, lambda x, y: exact(x, y).numpy(), 1e-9


def stack():
    """Layers across y between insulated sides: u' k is c - y."""
    k = pl.Piecewise((pl.Box(y=(0.3, 0.6)), 50.0), otherwise=1.0)
    conditions = [pl.Dirichlet(u=0.0, on="y"), pl.Neumann(u=0.0, on="x")]
    problem = pl.Problem(
        PLANE, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + 1, conditions, {"k": k}
    )

    def integral(power, y):
        part = [np.clip(y, a, b) ** (power + 1) - a ** (power + 1) for a, b in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0))]
        return (part[0] + part[1] / 50 + part[2]) / (power + 1)

    c = integral(1, 1.0) / integral(0, 1.0)
    return problem, lambda x, y: c * integral(0, y) - integral(1, y), 1e-9


def eigenfunction():
    """exp(-l t) times the first eigenfunction of two layers, k = 1 and 4."""

    def flux(rate):
        a, b = math.sqrt(rate), math.sqrt(rate / 4)
        return a / math.tan(a / 2) + 4 * b / math.tan(b / 2)

    rate = scipy.optimize.brentq(flux, 10, 39)
    a, b = math.sqrt(rate), math.sqrt(rate / 4)

    def start(x):
        return torch.where(x < 0.5, torch.sin(a * x) / math.sin(a / 2), torch.sin(b * (1 - x)) / math.sin(b / 2))

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.1)), "u", lambda u, k: u.t - pl.diff(k * u.x, "x"),
        [pl.Dirichlet(u=0.0), pl.Initial(u=start)], {"k": two(0.5, 1.0, 4.0)},
    )  # fmt: skip
    return problem, lambda x, t: np.exp(-rate * t) * start(torch.as_tensor(x)).numpy(), 1e-7


STEADY = (two_layers, sphere, bar, beam, nonlinear, plane, stack)


def error(found, problem, exact):
    axes = {name: np.linspace(*bounds, 23) for name, bounds in problem.domain.bounds.items()}
    grid = dict(zip(axes, (a.ravel() for a in np.meshgrid(*axes.values(), indexing="ij")), strict=True))
    truth = exact(**grid)
    return np.abs(found(**grid)[problem.unknowns[0]] - truth).max() / np.ptp(truth)


@pytest.mark.parametrize("make", [*STEADY, eigenfunction])
def test_experts(make):
    problem, exact, tolerance = make()
    solution = pl.solve(problem, max_seconds=30, progress=False)
    assert solution.status is pl.Status.CONVERGED
    assert error(solution, problem, exact) < tolerance


@pytest.mark.parametrize("make", [*STEADY, eigenfunction])
def test_the_classical_solver(make):
    problem, exact, tolerance = make()
    reference = pl.reference_solution(problem, resolution=24, tolerance=1e-7)
    assert error(reference, problem, exact) < 10 * tolerance
    assert reference.error_estimate[problem.unknowns[0]] < 10 * tolerance


def test_networks_in_the_plane():
    problem, exact, _ = plane()
    solver = pl.MultiDomainPINN(
        network=pl.MLP(width=8, depth=1), points=150, boundary_points=24, stages=(pl.LevenbergMarquardt(steps=25),)
    )
    solution = pl.solve(problem, solver, progress=False)
    assert error(solution, problem, exact) < 1e-3


def test_a_wave_is_reflected_and_transmitted():
    """Speeds 1 and 2, density 1: of an amplitude -1/3 comes back and 2/3 goes on, d'Alembert."""

    def pulse(s):
        return torch.exp(-((s + 1.5) ** 2) / 0.08)

    problem = pl.Problem(
        pl.Box(x=(-4.0, 4.0), t=(0.0, 2.0)), "u", lambda u, k: u.tt - pl.diff(k * u.x, "x"),
        [pl.Initial(u=lambda x: pulse(x), u_t=lambda x: (x + 1.5) / 0.04 * pulse(x)), pl.Dirichlet(u=0.0)],
        {"k": two(0.0, 1.0, 4.0, start=-4.0)},
    )  # fmt: skip

    def exact(x, t):
        x, t = torch.as_tensor(x), torch.as_tensor(t)
        return torch.where(x < 0, pulse(x - t) - pulse(-x - t) / 3, 2 / 3 * pulse(x / 2 - t)).numpy()

    solution = pl.solve(problem, max_seconds=40, progress=False)
    assert error(solution, problem, exact) < 1e-5


def test_three_layers_in_time_against_finite_volumes():
    """Capacities and conductivities that jump, a start without the layers' kinks, 400 volumes and steps of high order."""
    parts = (pl.Box(x=(0.0, 0.3)), pl.Box(x=(0.3, 0.7)))
    parameters = {
        "k": pl.Piecewise((parts[0], 1.0), (parts[1], 10.0), otherwise=0.5),
        "c": pl.Piecewise((parts[1], 2.0), otherwise=1.0),
    }
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.1)), "u", lambda u, k, c: c * u.t - pl.diff(k * u.x, "x"),
        [pl.Dirichlet(u=0.0), pl.Initial(u=lambda x: torch.sin(math.pi * x))], parameters,
    )  # fmt: skip
    n = 400
    x = (np.arange(n) + 0.5) / n
    k = np.select([x < 0.3, x < 0.7], [1.0, 10.0], 0.5)
    # resistances of half volumes in series; the ends are half a volume away
    faces = np.concatenate([[2 * k[0]], 2 / (1 / k[1:] + 1 / k[:-1]), [2 * k[-1]]]) * n * n
    matrix = np.diag(-faces[1:] - faces[:-1]) + np.diag(faces[1:-1], 1) + np.diag(faces[1:-1], -1)
    rates = matrix / np.where((x > 0.3) & (x < 0.7), 2.0, 1.0)[:, None]
    volumes = scipy.linalg.expm(0.1 * rates) @ np.sin(math.pi * x)
    found = pl.reference_solution(problem, resolution=24)(x=x, t=np.full(n, 0.1))["u"]
    assert np.abs(found - volumes).max() < 3e-5 * np.abs(volumes).max()
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-5), progress=False)
    assert np.abs(solution(x=x, t=np.full(n, 0.1))["u"] - found).max() < 1e-5 * found.max()


@pytest.mark.parametrize("k", [two(0.6, 5.0, 1.0), lambda x: 1 + x], ids=["two", "saw"])
def test_fluxes_are_joined_where_periodic_ends_meet(k):
    problem = pl.Problem(
        LINE, "u", lambda u, k, x: pl.diff(k * u.x, "x") - u + torch.cos(2 * math.pi * x), pl.Periodic(on="x"), {"k": k}
    )
    n = 2000
    x = (np.arange(n) + 0.5) / n
    faces = torch.arange(n + 1, dtype=torch.float64) / n
    of = problem.parameters["k"]
    below, above = of(x=faces.numpy() - 0.25 / n), of(x=faces.numpy() + 0.25 / n)
    below[0], above[-1] = below[-1], above[0]
    harmonic = 2 / (1 / below + 1 / above) * n * n
    matrix = scipy.sparse.diags_array(
        [-harmonic[1:] - harmonic[:-1] - 1, harmonic[1:-1], harmonic[1:-1]], offsets=[0, 1, -1]
    )
    matrix = scipy.sparse.lil_array(matrix)
    matrix[0, n - 1] = matrix[n - 1, 0] = harmonic[0]
    volumes = scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(matrix), -np.cos(2 * math.pi * x))
    for found in (pl.solve(problem, progress=False), pl.reference_solution(problem)):
        assert np.abs(found(x=x)["u"] - volumes).max() < 1e-5 * np.abs(volumes).max()


def test_a_solution_is_saved_with_its_materials(tmp_path):
    problem, exact, _ = two_layers()
    path = tmp_path / "wall.pt"
    pl.solve(problem, progress=False).save(path)
    for loaded in (pl.Solution.load(path), pl.Solution.load(path, problem=problem)):
        assert error(loaded, problem, exact) < 1e-11
        assert "Piecewise((Box(x=(0, 0.5)), 400.0), otherwise=1.38)" in repr(loaded.problem.parameters)
    assert loaded.residual(x=np.array([0.2, 0.7]))["equation0"] == pytest.approx([0, 0], abs=1e-6)
    other = problem.at(k=two(0.5, 300.0, 1.38))
    with pytest.raises(ValueError, match="the file was written for parameters"):
        pl.Solution.load(path, problem=other)


def test_curved_lines_are_refused_but_by_finite_elements_and_experts_on_cut_cells():
    disk = pl.Piecewise((pl.Ball({"x": 0.5, "y": 0.5}, 0.2), 10.0), otherwise=1.0)
    problem = pl.Problem(
        PLANE, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + 1, pl.Dirichlet(u=0.0), {"k": disk}
    )
    assert "finite elements" in pl.reference_solution(problem, tolerance=1e-2).method
    assert pl.HardConstraintMoE().obstacle(problem) is None
    lines = "cross curved or oblique lines fluxes are joined by local experts.*finite elements.*let materials meet"
    with pytest.raises(ValueError, match=lines):
        pl.solve(problem, pl.PINN())
    with pytest.raises(ValueError, match=r"no materials of the problem meet.*subdomains="):
        pl.solve(problem, pl.MultiDomainPINN())


# -- jumps that are prescribed -----------------------------------------------------------------------------------------

CONTACTS = {
    "resistance": ({"u": lambda flux: 0.2 * flux}, 0.2, 0.0, 0.0),
    "value": ({"u": 0.3}, 0.0, 0.3, 0.0),
    "source": ({"flux": -2.0}, 0.0, 0.0, -2.0),
    "all of it": ({"u": lambda flux, x, r: r * flux + x, "equation0": 1.0}, 0.2, 0.5, 1.0),
}
"""{what: jump, resistance, drop of the value and of the flux}."""


def equation0(u, k):
    return pl.diff(k * u.x, "x")


def contact(name, above):
    """u = q1 x and 1 - q2 (1 - x) / k2, q2 - q1 = d and u2 - u1 = r (q1 + q2) / 2 + c at x = 1/2."""
    jump, r, c, d = CONTACTS[name]
    k = pl.Piecewise((pl.Box(x=(0.0, 0.5)), 1.0), otherwise=above, jump=jump)
    ends = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")]
    problem = pl.Problem(LINE, "u", equation0, ends, {"k": k} | ({"r": 0.2} if name == "all of it" else {}))
    q = np.linalg.solve([[-0.5 - r / 2, -0.5 / above - r / 2], [-1.0, 1.0]], [c - 1, d])
    return problem, lambda x: np.where(x < 0.5, q[0] * x, 1 - q[1] * (1 - x) / above)


@pytest.mark.parametrize("above", [10.0, 1.0])
@pytest.mark.parametrize("name", CONTACTS)
def test_jumps_are_prescribed(name, above):
    problem, exact = contact(name, above)
    x = np.array([0.0, 0.2, 0.49, 0.51, 0.9])
    solution = pl.solve(problem, progress=False)
    for found in (solution, pl.reference_solution(problem)):
        assert np.abs(found(x=x)["u"] - exact(x)).max() < 1e-8
    with pytest.raises(ValueError, match=r"x = 0\.5.*MultiDomainPINN"):
        pl.solve(problem, pl.PINN(), progress=False)
    if above == 1.0:
        report = solution.report(max_seconds=5)
        assert report.verdict.name == "GOOD" and all(m.relative < 1e-6 for m in report.conditions)


@pytest.mark.parametrize("interface", ["matching", ("value", "flux")])
def test_networks_take_prescribed_jumps(interface):
    problem, exact = contact("all of it", 10.0)
    stages = (pl.LevenbergMarquardt(steps=25),)
    solver = pl.MultiDomainPINN(interface=interface, network=pl.MLP(width=6, depth=1), points=40, stages=stages)
    solution = pl.solve(problem, solver, progress=False)
    x = np.array([0.0, 0.2, 0.49, 0.51, 0.9])
    assert np.abs(solution(x=x)["u"] - exact(x)).max() < 1e-6
    assert solution.report(max_seconds=5).verdict.name == "GOOD"
    with pytest.raises(ValueError, match=r"x = 0\.5"):
        pl.solve(problem, pl.MultiDomainPINN(interface=("value", "flux"), flux=lambda u, k: k * u.x))


def test_contact_holds_beside_the_sides_of_a_box_only():
    """Across a slit in the middle half no heat passes, beside it there is none: heat goes around."""
    jump = {"u": lambda flux: 1e4 * flux}
    k = pl.Piecewise((pl.Box(x=(0.0, 0.5), y=(0.25, 0.75)), 1.0), otherwise=1.0, jump=jump)
    problem = pl.Problem(
        PLANE, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"), pl.Dirichlet(u=0.0), {"k": k}
    )
    assert problem.joints.positions == {"x": (0.5,), "y": (0.25, 0.75)}
    made = problem.joints.at("x", 0.5)
    y = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    columns = {"x": torch.full_like(y, 0.5), "y": y}
    (prescribed,) = made.prescribed
    assert prescribed.amount(columns, {}, torch.ones_like(y)).tolist() == [0.0, 1e4, 0.0]


@pytest.mark.parametrize(
    ("jump", "message"),
    [
        ({"v": 1.0}, r"choose from 'u', 'equation0', 'flux'"),
        ({"u": lambda w: w}, r"'w'"),
        ({"u": "much"}, r"a finite number or a function"),
    ],
)
def test_mistakes_in_jumps_are_named(jump, message):
    with pytest.raises((TypeError, ValueError), match=message):
        k = pl.Piecewise((pl.Box(x=(0.0, 0.5)), 1.0), otherwise=2.0, jump=jump)
        pl.Problem(LINE, "u", lambda u, k: pl.diff(k * u.x, "x"), pl.Dirichlet(u=0.0), {"k": k})


def test_the_page_on_materials_runs(capsys):
    page = (Path(__file__).parents[2] / "docs" / "materials.md").read_text(encoding="utf-8")
    scope = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(block, scope)
    assert re.findall(r"array\(([\d.]+)\)", capsys.readouterr().out) == ["365.71376812", "367.71376812"]


def test_two_bodies_touch():
    """Diffusivities 4 and 1, conductivities 4 and 1: effusivities 2 and 1, a third of the jump is below."""
    contact = Contact.of(torch.tensor([4.0, 1.0]), torch.tensor([4.0, 1.0]))
    assert (contact.share, *contact.widths) == pytest.approx((1 / 3, 1.0, 0.5))
    found = contact.rounded(torch.tensor([-9.0, 0.0, 1e-9, 9.0], dtype=torch.float64))
    assert found.tolist() == pytest.approx([0.0, 1 / 3, 1 / 3 - 1, 0.0], abs=1e-8)


def test_bodies_of_two_temperatures_in_contact():
    """Before the ends are felt the temperature between is that of both, weighted by effusivities: 2/3 from 1 and 0."""

    def exact(x, t):
        t = np.maximum(t, 1e-12)
        z = (x - 0.5) / np.sqrt(4 * t)
        return np.where(x < 0.5, 2 / 3 - scipy.special.erf(z / 2) / 3, 2 / 3 * (1 - scipy.special.erf(z)))

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1e-3)), "u", lambda u, k: u.t - pl.diff(k * u.x, "x"),
        [pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+"), pl.Initial(u=lambda x: torch.where(x < 0.5, 1.0, 0.0))],
        {"k": two(0.5, 4.0, 1.0)},
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-4), progress=False)
    x, t = np.linspace(0, 1, 41), np.full(41, 1e-3)
    assert np.abs(solution(x=x, t=t)["u"] - exact(x, t)).max() < 2e-3


@pytest.mark.parametrize("solver", [pl.HardConstraintMoE(), None])
def test_a_contact_that_two_boxes_share_resists_once(solver):
    """A flux of 1 through three layers: 0.3 / 1 + 0.1, then 0.3 / 2 + 0.1."""
    layers = pl.Piecewise(
        (pl.Box(x=(0.0, 0.3)), 1.0), (pl.Box(x=(0.3, 0.6)), 2.0), otherwise=1.0, jump={"u": lambda flux: 0.1 * flux}
    )
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x"),
        [pl.Dirichlet(u=0.0, on="x-"), pl.Neumann(u=1.0, on="x+")], {"k": layers},
    )  # fmt: skip
    found = pl.reference_solution(problem) if solver is None else pl.solve(problem, solver, progress=False)
    x = np.array([0.3 - 1e-9, 0.3 + 1e-9, 0.6 - 1e-9, 0.6 + 1e-9])
    np.testing.assert_allclose(found(x=x)["u"], [0.3, 0.4, 0.55, 0.65], atol=1e-7)
