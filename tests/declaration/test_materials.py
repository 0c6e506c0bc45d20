"""Piecewise parameters: their values, their places in a problem, files; what is continuous where they meet."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.discontinuities.one_sided import beside
from pinnlab.declaration.discontinuities.transmission import NotJoinedError, Transmission
from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.parameters.materials import piecewise_data, piecewise_from_data
from pinnlab.machine.fingerprint import fingerprint

LINE = pl.Box(x=(0.0, 1.0))
PLANE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
TIMED = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
LEFT = pl.Box(x=(0.0, 0.5))


def conduction(u, k):
    return pl.diff(k * u.x, "x")


def of(value, domain=LINE, equation=conduction):
    return pl.Problem(domain, "u", equation, pl.Dirichlet(u=0.0), {"k": value})


def values(problem, **columns):
    parameter = problem.parameters["k"]
    assert isinstance(parameter, FunctionParameter)
    return parameter(**{name: np.array(columns[name]) for name in parameter.on})


def test_the_first_region_that_holds_a_point_counts():
    k = pl.Piecewise((LEFT, 400.0), (pl.Box(x=(0.25, 0.75)), 7), otherwise=1.38)
    assert values(of(k), x=[0.0, 0.3, 0.5, 0.6, 0.8, 1.0]).tolist() == [400, 400, 400, 7, 1.38, 1.38]


def test_sides_on_the_boundary_belong_to_the_part_up_to_rounding():
    domain = pl.Box(x=(0.1, 0.7))
    problem = of(pl.Piecewise((pl.Box(x=(0.4, 0.7)), 2.0), otherwise=1.0), domain)
    assert values(problem, x=[0.1, 0.1 + 1.0 * (0.7 - 0.1) + 1e-15]).tolist() == [1.0, 2.0]


def test_values_are_functions_of_coordinates_called_where_they_hold():
    def root(x):
        assert bool((x >= 0.5).all())
        return torch.sqrt(x - 0.5)

    problem = of(pl.Piecewise((pl.Box(x=(0.5, 1.0)), root), otherwise=lambda x, y: 1 + x * y), PLANE)
    found = values(problem, x=[0.2, 0.75], y=[0.5, 0.9])
    assert found == pytest.approx([1.1, 0.5])
    # of sqrt(x - 1/2) and of 1 + x y the derivative by x
    at = torch.tensor([[0.2, 0.5], [0.75, 0.9]], dtype=torch.float64)
    slopes = problem.parameters["k"].jet(at, ((), (0,)))[1, :, 0]
    assert slopes.tolist() == pytest.approx([0.5, 1.0])


def test_regions_of_any_kind_and_of_some_coordinates():
    disk = pl.Piecewise((pl.Ball({"x": 0.5, "y": 0.5}, 0.2), 5.0), otherwise=1.0)
    assert values(of(disk, TIMED), x=[0.5, 0.9], y=[0.6, 0.5]).tolist() == [5.0, 1.0]
    assert of(disk, TIMED).parameters["k"].on == ("x", "y")
    assert any("a line through" in note for note in of(disk, PLANE).check().notes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pl.Piecewise(otherwise=1.0), r"no pieces.*pairs of a region and a value"),
        (lambda: pl.Piecewise(LEFT, 400.0, otherwise=1.0), r"pairs of a region and a value"),
        (lambda: of(pl.Piecewise(("copper", 400.0), otherwise=1.0)), r"'copper'.*names a part, which only a mesh has"),
        (lambda: pl.Piecewise((LEFT, pl.Uniform(1, 2)), otherwise=1.0), r"Uniform.*parameter of its own.*torch\.where"),
        (lambda: pl.Piecewise((LEFT, math.nan), otherwise=1.0), r"the value nan"),
        (lambda: of(pl.Piecewise((pl.Box(z=(0.0, 0.5)), 2.0), otherwise=1.0)), r"'z', the domain has x"),
        (lambda: of(pl.Piecewise((pl.Box(x=(1.0, 2.0)), 2.0), otherwise=1.0)), r"outside of Box\(x=\(0, 1\)\)"),
        (lambda: of(pl.Piecewise((LEFT, lambda z: z), otherwise=1.0)), r"'z'"),
        (lambda: of(pl.Piecewise((LEFT, lambda x: x[:1]), otherwise=1.0)), r"one value\s+per point"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_check_says_where_materials_meet():
    notes = of(pl.Piecewise((LEFT, 400.0), otherwise=1.38)).check().notes
    assert any("jumps at x = 0.5, from 400 to 1.38" in n and "the flux is continuous there" in n for n in notes)


def test_a_thin_layer_between_the_lines_of_the_search_is_found():
    thin = pl.Box(x=(0.431, 0.4311), y=(0.2, 0.2003))
    problem = of(
        pl.Piecewise((thin, 1e-3), otherwise=1.0), PLANE, lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")
    )
    assert problem.joints.positions == {"x": (0.431, 0.4311), "y": (0.2, 0.2003)}


def test_positions_are_those_of_the_boxes_and_of_space_only():
    k = pl.Piecewise((pl.Box(x=(0.0, 1 / 3), t=(0.0, 0.5)), 2.0), otherwise=1.0)
    problem = pl.Problem(TIMED, "u", lambda u, k: u.t - pl.diff(k * u.x, "x"), pl.Initial(u=0.0), {"k": k})
    assert problem.joints.positions == {"x": (1 / 3,)}
    assert problem.joints.at("x", 1 / 3 + 1e-11) is not None
    assert problem.joints.at("x", 0.34) is None


def test_lower_terms_have_no_flux():
    problem = of(pl.Piecewise((LEFT, 2.0), otherwise=1.0), LINE, lambda u, k: u.xx - k * u + k)
    assert problem.joints.positions == {} and problem.lost_flux("PINN") is None
    assert any("jumps at x = 0.5" in note and "less smooth" in note for note in problem.check().notes)


def test_members_of_families_keep_their_materials():
    family = pl.Problem(
        LINE, "u", lambda u, k, f: pl.diff(k * u.x, "x") + f, pl.Dirichlet(u=0.0),
        {"k": pl.Piecewise((LEFT, 2.0), otherwise=1.0), "f": pl.Uniform(0.0, 1.0)},
    )  # fmt: skip
    member = family.at(f=0.5)
    assert member.joints.positions == {"x": (0.5,)}
    other = member.at(k=pl.Piecewise((pl.Box(x=(0.0, 0.2)), 2.0), otherwise=1.0))
    assert other.joints.positions == {"x": (0.2,)}
    assert len({fingerprint(p.parameters) for p in (family, member, other, family.at(f=0.5))}) == 3


def test_files_hold_boxes_and_numbers():
    k = of(pl.Piecewise((LEFT, 2.0), (pl.Box(x=(0.8, 1.0)), lambda x: 3 * x), otherwise=1.0)).parameters["k"]
    back = piecewise_from_data(piecewise_data(k))
    assert piecewise_data(back) == piecewise_data(k)
    assert back(x=np.array([0.2, 0.6])).tolist() == [2.0, 1.0]
    with pytest.raises(ValueError, match="files hold no functions"):
        back(x=np.array([0.9]))


# -- what is continuous ------------------------------------------------------------------------------------------------


def read(equation, unknowns=("u",), domain=LINE, coordinate="x"):
    parameters = {"k": lambda x: torch.where(x > 0.5, 10.0, 1.0)}
    problem = pl.Problem(domain, unknowns, equation, [], parameters)
    points = domain.interior(torch.linspace(0.1, 0.9, 5 * len(domain.coordinates)).double().reshape(5, -1)).points
    sides = []
    for step in (-1e-9, 1e-9):
        at = points.clone()
        at[:, domain.coordinates.index(coordinate)] = 0.5 + step
        sides.append(domain.columns(at))
    return Transmission(problem.residual_fields, problem.parameter_values(), problem.derivatives, coordinate, *sides)


def elasticity(u, v, k):
    return {
        "a": pl.diff(2 * k * (u.x + v.y), "x") + pl.diff(2 * k * u.x, "x") + pl.diff(k * (u.y + v.x), "y"),
        "b": pl.diff(k * (u.y + v.x), "x") + pl.diff(2 * k * (u.x + v.y) + 2 * k * v.y, "y"),
    }


def stokes(u, v, p, k):
    return {
        "a": pl.diff(2 * k * u.x - p, "x") + pl.diff(k * (u.y + v.x), "y"),
        "b": pl.diff(k * (u.y + v.x), "x") + pl.diff(2 * k * v.y - p, "y"),
        "c": u.x + v.y,
    }


VALUES = {
    "conduction": (conduction, "u", LINE, ["u"], ["a"]),
    "beam": (lambda w, k: pl.diff(k * w.xx, "x", "x") - 1, "w", LINE, ["w", "w.x"], ["w", "w"]),
    "elasticity": (elasticity, ("u", "v"), PLANE, ["u", "v"], ["u", "v"]),
    "stokes": (stokes, ("u", "v", "p"), PLANE, ["u", "v"], ["u", "v"]),
    "one of two": (
        lambda u, v, k: {"a": pl.diff(k * u.x, "x") - v, "b": v.xx - k * u}, ("u", "v"), LINE, ["u", "v", "v.x"], ["u"]
    ),
    "mixed": (lambda u, v, k: {"a": v - k * u.x, "b": v.x - 1}, ("u", "v"), LINE, ["u", "v"], []),
    "conservation law": (lambda u, k: pl.diff(k * u, "x") - 1, "u", LINE, [], ["u"]),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_and_fluxes_are_as_many_as_the_equations_need(name):
    equation, unknowns, domain, expected, owners = VALUES[name]
    made = read(equation, unknowns, domain)
    assert [".".join(filter(None, (u, "".join(key)))) for u, key in made.values] == expected
    assert len(made.fluxes) == len(owners)
    if name != "conduction":
        assert list(made.owners) == owners


def test_fluxes_by_hand():
    """Of 2 k (u_x + v_y) + 2 k u_x with u_x = 3, v_y = 4: 20 and 200; of k (u_y + v_x) with 5 and 6: 11 and 110."""
    made = read(elasticity, ("u", "v"), PLANE)
    numbers = {("u", ("x",)): 3.0, ("v", ("y",)): 4.0, ("u", ("y",)): 5.0, ("v", ("x",)): 6.0}

    class Jet(dict):
        def __init__(self, unknown):
            self.unknown = unknown

        def __missing__(self, key):
            return torch.tensor([numbers.get((self.unknown, key), 0.0)] * 2, dtype=torch.float64)

    face = PLANE.columns(torch.tensor([[0.5, 0.3], [0.5, 0.4]], dtype=torch.float64))
    for sign, k in ((-1, 1), (1, 10)):
        side = beside(face, "x", sign, PLANE.bounds["x"])
        first, second = made.flux_values({"u": Jet("u"), "v": Jet("v")}, side)
        assert first.tolist() == [20.0 * k] * 2 and second.tolist() == [11.0 * k] * 2
    # (2 k + 2 k) u_x / w + 2 k v_y and k u_y + k v_x / w are sizes of unknowns, w = 1/4
    assert made.factors(0.25)[2:] == pytest.approx([1 / (160 + 20), 1 / (10 + 40)])


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        (lambda u, k: k * u.xx, "u.xx stands outside of diff"),
        (lambda u, k: pl.diff(k * u.x, "x") + u.xx, "u.xx stands outside of diff"),
        (lambda u, k: k * pl.diff(k * u.x, "x") + pl.diff(u.x * u.x, "x"), "factors that jump"),
    ],
)
def test_what_the_equations_do_not_say_is_not_guessed(equation, message):
    with pytest.raises(NotJoinedError, match=message):
        read(equation)
