"""Jumps of coefficients and sources are found however they are written, and nothing else is taken for one."""

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.discontinuities.fluxes import leads
from pinnlab.declaration.discontinuities.steps import find_steps, is_step, line_ticks
from pinnlab.declaration.library import problem_names

LINE, TIMED = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
PLANE, FULL = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
TABLE = torch.tensor([1.0, 2.0, 5.0, 3.0], dtype=torch.float64)
ONE = torch.ones((), dtype=torch.float64)


def declared(equation, domain=LINE, **parameters):
    order = {"u_t": 0.0} if "tt" in equation.__code__.co_names else {}
    conditions = [pl.Initial(u=0.0, **order)] if domain.has_time else []
    return pl.Problem(domain, "u", equation, [*conditions, pl.Dirichlet(u=0.0)], parameters)


def layers(x):
    return torch.where(x > 0.5, 10.0, 1.0)


def disk(x, y):
    return torch.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.04, 10.0, 1.0)


def board(x, y):
    return 1 + 9 * ((torch.floor(4 * x) + torch.floor(4 * y)) % 2)


def diffusion(u, k):
    return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")


FLUXES = {
    "where": (declared(lambda u, x: pl.diff(torch.where(x > 0.5, 10.0, 1.0) * u.x, "x")), {"x": [0.5]}),
    "strong form": (declared(lambda u, x: torch.where(x > 0.5, 10.0, 1.0) * u.xx), {"x": [0.5]}),
    "condition times number": (declared(lambda u, x: pl.diff((1 + 9 * (x > 0.3)) * u.x, "x")), {"x": [0.3]}),
    "two conditions": (declared(lambda u, x: pl.diff((1 + 9 * ((x > 0.3) & (x < 0.7))) * u.x, "x")), {"x": [0.3, 0.7]}),
    "sign": (declared(lambda u, x: (5.5 + 4.5 * torch.sign(x - 0.5)) * u.xx - 1), {"x": [0.5]}),
    "heaviside": (declared(lambda u, x: pl.diff((1 + torch.heaviside(x - 0.3, ONE)) * u.x, "x")), {"x": [0.3]}),
    "floor": (declared(lambda u, x: pl.diff((1 + torch.floor(3 * x)) * u.x, "x")), {"x": [1 / 3, 2 / 3]}),
    "one percent": (declared(lambda u, x: pl.diff((1 + 0.01 * (x > 0.4)) * u.x, "x")), {"x": [0.4]}),
    "parameter": (declared(lambda u, k: pl.diff(k * u.x, "x"), k=layers), {"x": [0.5]}),
    "product rule": (declared(lambda u, k: k * u.xx + k.x * u.x, k=layers), {"x": [0.5]}),
    "table": (
        declared(lambda u, k: pl.diff(k * u.x, "x"), k=lambda x: TABLE[(4 * x).long().clamp(0, 3)]),
        {"x": [0.25, 0.5, 0.75]},
    ),
    "source in the flux": (declared(lambda u, x: pl.diff(u.x + torch.where(x < 0.5, 1.0, 0.0), "x")), {"x": [0.5]}),
    "beam": (declared(lambda u, x: pl.diff((1 + (x > 0.5)) * u.xx, "x", "x") - 1), {"x": [0.5]}),
    "beam with a kink": (declared(lambda u, x: pl.diff((1 + (x - 0.5).abs()) * u.xx, "x", "x") - 1), {"x": [0.5]}),
    "in time": (declared(lambda u, k: u.t - pl.diff(k * u.x, "x"), TIMED, k=layers), {"x": [0.5]}),
    "conservation law": (declared(lambda u, k: u.t + pl.diff(k * u, "x"), TIMED, k=layers), {"x": [0.5]}),
    "storage": (
        declared(lambda u, t: pl.diff(torch.where(t > 0.3, 2.0, 1.0) * u, "t") - u.xx, TIMED),
        {"t": [0.3]},
    ),
    "board": (declared(diffusion, PLANE, k=board), {"x": [0.25, 0.5, 0.75], "y": [0.25, 0.5, 0.75]}),
    "disk": (declared(diffusion, PLANE, k=disk), {"x": [None], "y": [None]}),
    "oblique": (
        declared(diffusion, PLANE, k=lambda x, y: torch.where(x + y / 2 > 0.7, 10.0, 1.0)),
        {"x": [None], "y": [None]},
    ),
    "plane in time": (
        declared(lambda u, k: u.t - diffusion(u, k), FULL, k=lambda x, y: torch.where(y > 0.3, 10.0, 1.0)),
        {"y": [0.3]},
    ),
}  # fmt: skip
HARMLESS = {
    "source": (declared(lambda u, x: u.xx - torch.where(x < 0.5, 1.0, 0.0)), ("x", 0.5)),
    "reaction": (declared(lambda u, x: u.xx - (1 + 9 * (x > 0.3)) * u), ("x", 0.3)),
    "kink": (declared(lambda u, x: pl.diff((1 + (x - 0.5).abs()) * u.x, "x")), ("x", 0.5)),
    "transport": (declared(lambda u, k: u.t + k * u.x, TIMED, k=layers), ("x", 0.5)),
    "wave": (declared(lambda u, k: u.tt / k - u.xx, TIMED, k=layers), ("x", 0.5)),
    "source in time": (declared(lambda u, x, t: u.t - u.xx - (t > 0.3) * x, TIMED), ("t", 0.3)),
    "diffusivity in time": (declared(lambda u, t: u.t - (1 + (t > 0.3)) * u.xx, TIMED), ("t", 0.3)),
    "across": (declared(lambda u, y: torch.where(y > 0.5, 2.0, 1.0) * u.xx + u.yy, PLANE), ("y", 0.5)),
}
SMOOTH = {
    "steep": declared(lambda u, x: pl.diff((5 + 4 * torch.tanh((x - 0.5) / 1e-4)) * u.x, "x")),
    "steeper": declared(lambda u, x: pl.diff((5 + 4 * torch.tanh((x - 0.5) / 1e-6)) * u.x, "x")),
    "singular at the end": declared(lambda u, x: u.xx + u.x / x),
    "singular inside": declared(lambda u, x: u.xx + u.x / (x - 0.5) + u / (x - 0.3).abs().sqrt()),
    "vertical tangent": declared(lambda u, x: u.xx + torch.sign(x - 0.5) * (x - 0.5).abs() ** (1 / 3) * u),
    "modulus": declared(lambda u: u.xx + u.abs() * u),
    "in the unknown": declared(lambda u, x: u.xx + torch.where(u > 0.5, 1.0, 0.0) + torch.where(u > x, 1.0, 0.0)),
    "many waves": declared(lambda u, x: u.xx + torch.sin(3000 * x) * u),
}


@pytest.mark.parametrize("name", FLUXES)
def test_jumps_of_fluxes_are_found(name):
    problem, expected = FLUXES[name]
    for coordinate, positions in expected.items():
        mine = [j for j in problem.jumps if j.coordinate == coordinate and j.flux]
        assert [j.position for j in mine] == [p if p is None else pytest.approx(p, abs=3e-10) for p in positions]
    assert {j.coordinate for j in problem.jumps if j.flux} == set(expected)
    assert str(problem.jumps[0]) in problem.lost_flux("PINN")


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_jumps_are_noted(name):
    problem, (coordinate, position) = HARMLESS[name]
    assert [(j.coordinate, j.flux) for j in problem.jumps] == [(coordinate, False)]
    assert problem.jumps[0].position == pytest.approx(position, abs=3e-10)
    assert problem.lost_flux("PINN") is None
    assert any(f"jumps at {coordinate} = {position}" in note for note in problem.check().notes)


@pytest.mark.parametrize("name", SMOOTH)
def test_what_is_steep_singular_or_in_the_unknown_is_no_jump(name):
    assert all(jump.layer is not None for jump in SMOOTH[name].jumps)
    assert name.startswith("steep") or SMOOTH[name].jumps == ()


def test_jumps_in_the_unknown_are_noted():
    notes = SMOOTH["in the unknown"].check().notes
    assert any("jump where u passes 0.5" in note for note in notes)
    assert not any("jump" in note for note in SMOOTH["modulus"].check().notes)


@pytest.mark.parametrize("name", problem_names())
def test_shipped_problems_have_no_jumps(name):
    problem = pl.load_problem(name)
    assert problem.jumps == ()
    # the payoff of an option has a kink
    assert any("jump" in note for note in problem.check().notes) == (name == "black_scholes")


def test_both_values_and_the_parameter_are_named():
    (jump,) = FLUXES["parameter"][0].jumps
    assert jump.sides == pytest.approx((1, 10)) and "parameter 'k'" in jump.what


def test_points_on_a_curve_are_given():
    for jump in FLUXES["disk"][0].jumps:
        for x, y in jump.points:
            assert (x - 0.5) ** 2 + (y - 0.5) ** 2 == pytest.approx(0.04, abs=1e-8)


def test_ends_of_a_period_are_compared():
    box, periodic = pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), [pl.Initial(u=0.0), pl.Periodic(on="x")]
    saw = pl.Problem(box, "u", lambda u, x: u.t - pl.diff((2 + x) * u.x, "x"), periodic)
    assert [(j.position, j.flux) for j in saw.jumps] == [(pytest.approx(1.0), True)]
    assert pl.Problem(box, "u", lambda u, x: u.t - pl.diff((2 + x * x) * u.x, "x"), periodic).lost_flux("PINN") is None


def test_families_are_looked_at_by_their_representative():
    field = pl.RandomField(on=("x", "y"), length_scale=0.3)

    def two_values(u, a):
        k = torch.where(a > 0, 12.0, 3.0)
        return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") - 1

    family = pl.Problem(PLANE, "u", two_values, pl.Dirichlet(u=0.0), parameters={"a": field})
    assert any(j.flux and j.position is None for j in family.jumps)


def test_systems_and_mixed_forms():
    def mixed(u, q, x):
        return {"flux": q - torch.where(x > 0.5, 10.0, 1.0) * u.x, "balance": q.x}

    problem = pl.Problem(LINE, ("u", "q"), mixed, pl.Dirichlet(u=0.0))
    assert [j.flux for j in problem.jumps] == [False]  # both unknowns are continuous: nothing is lost

    def two(u, v, x):
        return {"u": pl.diff((1 + (x > 0.4)) * u.x, "x") - v, "v": v.xx - u}

    assert [j.flux for j in pl.Problem(LINE, ("u", "v"), two, pl.Dirichlet(u=0.0, v=0.0)).jumps] == [True]


def test_search_costs_no_more_than_the_problem_and_happens_once():
    problem = declared(lambda u: u.xx - 1)
    assert "jumps" not in vars(problem)
    assert problem.jumps is problem.jumps


def test_which_derivatives_lead():
    used = frozenset({("x",), ("x", "x"), ("x", "y"), ("t",), ("x", "x", "t")})
    assert leads(("x", "x"), used, "x") and leads(("x", "y"), used, "x") and leads(("x", "x", "t"), used, "x")
    assert not leads(("x",), used, "x") and not leads(("x", "x"), used, "y") and not leads(("t",), used, "x")


def test_a_step_is_what_stays():
    values = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 0.2, 0.3], [5.0, 5.0, 5.0, 5.0]]).double()
    assert is_step(*values.unbind(1)).tolist() == [True, False, False]


def test_steps_of_functions_on_two_lines():
    def along(lines, at):
        return torch.stack([torch.where(at > 0.25 * (lines + 1), 1.0, 0.0) + at, at.sin()])

    found = find_steps(along, line_ticks(50), torch.tensor([0, 0]))
    assert [(s.function, s.line) for s in found] == [(0, 0), (0, 1)]
    assert [s.position for s in found] == pytest.approx([0.25, 0.5], abs=1e-10)


def conducting(k, domain=LINE, low=0.0, high=1.0, **inside):
    ends = [pl.Dirichlet(u=low, on="x-"), pl.Dirichlet(u=high, on="x+")]
    return pl.Problem(domain, "u", lambda u: pl.diff(k(u) * u.x, "x"), ends)


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        (conducting(lambda u: torch.where(u > 0.5, 4.0, 1.0)), r"u passes 0\.5\."),
        (conducting(lambda u: 1 + 3 * torch.heaviside(u - 0.25, 0.5 * ONE)), r"u passes 0\.25\."),
        (conducting(lambda u: torch.where(u > 933.0, 100.0, 240.0), low=300.0, high=1500.0), r"u passes 933\."),
        (conducting(lambda u: torch.where(u.x > 2.0, 4.0, 1.0)), r"u\.x passes 2\."),
    ],
)
def test_a_flux_that_jumps_where_an_unknown_passes_a_value_is_refused(problem, place):
    """Without the condition on the flux u = x is found, with no residual; the first is off by 0.3."""
    for solver in (None, pl.PINN()):
        with pytest.raises(ValueError, match=f"what stands inside pl.diff jumps where {place}"):
            pl.solve(problem, solver, max_seconds=5, progress=False)
    with pytest.raises(ValueError, match=r"inside pl\.diff jumps where"):
        pl.reference_solution(problem)


def test_latent_heat_that_jumps_is_refused():
    melting = pl.Problem(
        TIMED, "u", lambda u: pl.diff(u + torch.where(u > 0.3, 1.0, 0.0), "t") - u.xx,
        [pl.Initial(u=lambda x: x), pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")],
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"u passes 0\.3\. .* torch\.tanh\(\(u - 0\.3\) / width\)"):
        pl.solve(melting, max_seconds=5, progress=False)


def test_what_bends_or_is_steep_inside_diff_or_jumps_outside_is_no_lost_flux():
    smooth = (
        conducting(lambda u: 1 + torch.abs(u - 0.5)), conducting(lambda u: 1 + torch.sigmoid((u - 0.5) / 1e-3)),
        conducting(lambda u: torch.clamp(u, min=0.1)),
        declared(lambda u: pl.diff(u.x, "x") - torch.where(u > 0.5, 4.0, 1.0)),
    )  # fmt: skip
    assert [problem.lost_inside for problem in smooth] == [None] * len(smooth)


def test_many_jumps_on_one_line_are_all_found():
    problem = declared(lambda u, x: pl.diff((1 + 4.0 * (torch.remainder(10 * x, 1.0) < 0.5)) * u.x, "x"))
    assert [jump.position for jump in problem.jumps] == pytest.approx([k / 20 for k in range(1, 20)], abs=1e-9)


@pytest.mark.parametrize("space", [PLANE, pl.Ball({"x": 0.0, "y": 0.0}, 1.0)])
def test_pulses_in_time_are_found_in_the_plane(space):
    sharp = declared(
        lambda u, t: u.t - u.laplacian - torch.where(abs(t - 0.37) < 1e-4, 1.0, 0.0), space * pl.Box(t=(0, 1))
    )
    smooth = declared(lambda u, t: u.t - u.laplacian - torch.exp(-(((t - 0.37) / 1e-4) ** 2)), space * pl.Box(t=(0, 1)))
    assert [(j.coordinate, j.position) for j in sharp.jumps] == [
        ("t", pytest.approx(0.3699)),
        ("t", pytest.approx(0.3701)),
    ]
    first, last = smooth.jumps
    assert first.layer == last.layer and 0.369 < first.position < 0.37 < last.position < 0.371


def test_thin_layers_have_an_edge_on_both_sides():
    width = 1e-4
    tanh = declared(lambda u, x: pl.diff((2 + torch.tanh((x - 0.371) / width)) * u.x, "x"))
    first, last = (jump.position for jump in tanh.jumps)
    assert first < 0.371 - 3 * width and 0.371 + 3 * width < last < 0.371 + 30 * width
    assert not any(jump.flux for jump in tanh.jumps)
    (said,) = [note for note in tanh.check().notes if "steeply" in note]
    assert "from 1 to 3" in said
    hat = declared(lambda u, x: pl.diff(torch.where((x - 0.371).abs() < 2e-4, 0.01, 1.0) * u.x, "x"))
    assert [jump.position for jump in hat.jumps if jump.flux] == pytest.approx([0.3708, 0.3712], abs=1e-9)


@pytest.mark.parametrize("equation", [
    lambda u, x: u.xx + torch.sin(30 * x), lambda u, x: u.xx + torch.sin(3000 * x), lambda u, x: u.xx + 2 / x * u.x,
    lambda u, x: u.xx + torch.tanh((x - 0.4) / 0.05), lambda u, x: u.xx + torch.exp(-x / 1e-3),
])  # fmt: skip
def test_what_cells_see_is_no_thin_layer(equation):
    assert declared(equation).jumps == ()


def test_equations_that_take_no_coordinate_are_known_to_be_the_same_everywhere():
    step = pl.Piecewise((pl.Box(x=(0.0, 0.5)), 2.0), otherwise=1.0)
    assert declared(lambda u, k: u.xx - k * u**2, k=2.0)._declared.same_everywhere
    assert not declared(lambda u, x: u.xx - x)._declared.same_everywhere
    assert not declared(lambda u, k: pl.diff(k * u.x, "x"), k=step)._declared.same_everywhere
    wave = pl.Problem(
        TIMED, {"psi": complex}, lambda psi: 1j * psi.t + psi.xx, [pl.Initial(psi=0.0), pl.Dirichlet(psi=0.0)]
    )
    assert wave._declared.same_everywhere and not wave.jumps
    # what jumps in time on the boundary is seen all the same
    beat = [
        pl.Initial(u=0.0),
        pl.Dirichlet(u=lambda t: torch.where(t > 0.5, 1.0, 0.0), on="x-"),
        pl.Dirichlet(u=0.0, on="x+"),
    ]
    assert [jump.position for jump in pl.Problem(TIMED, "u", lambda u: u.t - u.xx, beat).jumps] == [
        pytest.approx(0.5, abs=1e-6)
    ]
