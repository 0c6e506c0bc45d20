from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
LINE = pl.Box(x=(0.0, 1.0))


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


def make(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": BOX,
        "unknowns": "u",
        "equations": heat,
        "conditions": [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
        "parameters": {"nu": 0.1},
    }
    return pl.Problem(**{**given, **changes})


# -- what the dry run learns


def test_the_dry_run_learns_which_derivatives_are_used() -> None:
    problem = make()
    assert problem.unknowns == ("u",) and problem.residual_names == ("heat",)
    assert problem.derivatives == {"u": {("t",), ("x", "x")}}
    assert problem.order("x") == 2 and problem.order("t") == 1 and problem.order_of("u", "x") == 2


def test_conservation_form_uses_what_the_product_rule_needs() -> None:
    def diffusion(u: pl.Field, x: pl.Field, t: pl.Field) -> pl.Field:
        return u.t - pl.diff((1 + x * t) * u.x, "x")

    problem = make(equations=diffusion, parameters={})
    assert problem.derivatives["u"] == {("t",), ("x",), ("x", "x")}


def test_systems_have_named_residuals() -> None:
    def flow(u: pl.Field, v: pl.Field) -> dict[str, pl.Field]:
        return {"mass": u.x + v.t, "momentum": u.t + u * u.x}

    def extra(v: pl.Field, u: pl.Field, c: float) -> pl.Field:
        return v.d("x", "t") - c * u

    problem = pl.Problem(BOX, ("u", "v"), [flow, extra], parameters={"c": 2.0})
    assert problem.residual_names == ("mass", "momentum", "extra")
    assert problem.derivatives == {"u": {(), ("x",), ("t",)}, "v": {("t",), ("x", "t")}}
    assert problem.order_of("v", "x") == 1 and problem.order("x") == 1
    unnamed = pl.Problem(BOX, ("u", "v"), [lambda u: u.t, lambda v: v.t])
    assert unnamed.residual_names == ("equation0", "equation1")


def test_ordinary_equations() -> None:
    problem = pl.Problem(pl.Box(t=(0.0, 2.0)), "y", lambda y: y.t + y**2, pl.Initial(y=1.0))
    assert problem.derivatives["y"] == {(), ("t",)} and len(problem.conditions) == 1
    assert problem.check().complete


def test_logarithms_and_roots_pass_the_dry_run() -> None:
    rooted = make(equations=lambda u: u.t - torch.log(u) * torch.sqrt(u.xx) / u, parameters={})
    assert rooted.derivatives == {"u": {(), ("t",), ("x", "x")}}
    negative = make(equations=lambda u: u.t - torch.log(-u.x), parameters={})
    assert negative.derivatives == {"u": {("t",), ("x",)}}


def test_a_problem_is_frozen() -> None:
    with pytest.raises(AttributeError, match="cannot assign to field 'domain'"):
        make().domain = LINE  # type: ignore[misc]


# -- members of a family


def test_families() -> None:
    family = make(parameters={"nu": pl.Uniform(0.1, 0.3)})
    assert family.families == ("nu",) and family.unknown_parameters == ()
    member = family.at(nu=0.2)
    assert member.parameters == {"nu": 0.2} and member.families == () and family.families == ("nu",)
    assert float(family.parameter_values()["nu"]) == pytest.approx(0.2), "the middle of the family"
    rng = np.random.default_rng(0)
    drawn = [family.sample(rng).parameters["nu"] for _ in range(20)]
    assert len(set(drawn)) == 20 and all(0.1 <= nu <= 0.3 for nu in drawn)
    assert family.sample(np.random.default_rng(0)).parameters["nu"] == drawn[0]
    with pytest.raises(ValueError, match=r"at\(nu=0.4\): outside its family Uniform\(lower=0.1, upper=0.3\)"):
        family.at(nu=0.4)
    with pytest.raises(ValueError, match=r"at\(mu=0.4\): not a parameter.*its parameters are nu"):
        family.at(mu=0.4)


def test_unknown_coefficients() -> None:
    problem = make(parameters={"nu": pl.Unknown(0.7)})
    assert problem.unknown_parameters == ("nu",) and float(problem.parameter_values()["nu"]) == 0.7


def test_replacing_checks_anew() -> None:
    assert make().replace(name="other").name == "other"
    with pytest.raises(ValueError, match="reversed"):
        make().replace(domain=pl.Box(x=(1.0, 0.0)))


# -- the report


def test_the_report_of_a_complete_problem() -> None:
    report = make(name="heat").check()
    assert report.complete and report.missing == () and report.residuals == ("heat",)
    assert report.derivatives == {"u": ("t", "xx")}
    assert report.conditions == (("Initial(u=0.0)", "exact"), ("Dirichlet(u=0.0)", "exact"))
    text = str(report)
    for part in ("heat on Box(x=(0, 1), t=(0, 1))", "uses u_t, u_xx", "exact Initial(u=0.0)", "complete"):
        assert part in text


def test_the_report_says_what_is_missing() -> None:
    report = make(conditions=[pl.Dirichlet(u=0.0, on="x-", exact=False)]).check()
    assert not report.complete and "no initial value of u: add Initial" in report.missing[0]
    assert "MISSING: no initial value" in str(report) and report.conditions[0][1] == "soft"
    wave = make(equations=lambda u: u.tt - u.xx, parameters={}, conditions=[pl.Initial(u=0.0)]).check()
    assert [m.split(":")[0] for m in wave.missing] == [
        "no initial value of u_t",
        "no condition on u at the boundary of x",
    ]
    inverse = make(parameters={"nu": pl.Unknown(1.0)}).check()
    assert "nu is to be found, but there are no data" in inverse.missing[0]
    family = make(parameters={"nu": pl.Uniform(0.1, 1.0)}).check()
    assert "solve a member with problem.at(nu=...)" in family.notes[0]
    periodic = make(conditions=[pl.Initial(u=0.0), pl.Periodic(on="x")]).check()
    assert periodic.complete


# -- bad input: each message names the argument, what came, why, and the fix


def constant(u: pl.Field) -> float:
    return 0.0


BAD: dict[str, tuple[Callable[[], Any], type, str]] = {
    "unknown name in an equation": (
        lambda: make(equations=lambda u, mu: u.t - mu * u.xx),
        ValueError,
        r"has an argument 'mu'.*known: u, x, t, nu.*add it to parameters",
    ),
    "unknown derivative": (
        lambda: make(equations=lambda u: u.t - u.yy),
        ValueError,
        "u.yy: neither a derivative .the coordinates are x, t",
    ),
    "unknown coordinate of d": (
        lambda: make(equations=lambda u: u.d("z")),
        ValueError,
        "'z' is not a coordinate of this problem",
    ),
    "an unknown in no equation": (
        lambda: make(unknowns=("u", "v")),
        ValueError,
        r"unknowns \['v'\] appear in no equation; add an equation or drop them",
    ),
    "wrong shape": (
        lambda: make(equations=lambda u: u.t.value[:2]),
        ValueError,
        r"returned shape \(2,\) for 7 points.*one number per point.*u.t - nu",
    ),
    "a sum over points": (lambda: make(equations=lambda u: u.t.value.sum()), ValueError, r"returned shape \(\)"),
    "a constant": (lambda: make(equations=lambda u, x: 0 * u + x), ValueError, "returned a constant that no unknown"),
    "a number": (
        lambda: make(equations=[heat, constant]),
        TypeError,
        "equation 'constant' returned float 0.0; return an expression",
    ),
    "nothing": (
        lambda: make(equations=lambda u: print(end=str(u.t)[:0])),
        TypeError,
        "returned NoneType None; return an expression",
    ),
    "residuals of one name": (
        lambda: make(equations=[heat, heat]),
        ValueError,
        "two residuals are called 'heat'; give the equations different names",
    ),
    "no equations": (lambda: make(equations=[]), ValueError, "equations is empty; give at least one function"),
    "an equation that is no function": (
        lambda: make(equations=[3]),
        TypeError,
        "equations holds 3: give a function",
    ),
    "NaN everywhere": (
        lambda: make(equations=lambda u: u.t / (u - u)),
        ValueError,
        "return NaN or infinity in .*divisions by zero, logarithms or roots",
    ),
    "a condition on no coordinate": (
        lambda: make(conditions=[pl.Dirichlet(u=0.0, on="y")]),
        ValueError,
        "on='y' names no boundary of Box.*its boundaries are 'x', 'x-', 'x.'",
    ),
    "periodic in no coordinate": (
        lambda: make(conditions=[pl.Periodic(on="y")]),
        ValueError,
        r"Periodic\(on='y'\): not a spatial coordinate",
    ),
    "a condition on no unknown": (
        lambda: make(conditions=[pl.Initial(w=0.0)]),
        ValueError,
        "'w' is not an unknown of this problem; the unknowns are u",
    ),
    "contradictory exact conditions": (
        lambda: make(conditions=[pl.Initial(u=1.0, exact=True), pl.Dirichlet(u=0.0, exact=True)]),
        ValueError,
        "contradict each other.*correct one, or write exact=False",
    ),
    "initial condition on a steady problem": (
        lambda: pl.Problem(LINE, "u", lambda u: u.xx, [pl.Initial(u=0.0)]),
        ValueError,
        r"Initial\(u=0.0\) on Box.*the problem is steady.*use Dirichlet",
    ),
    "boundary condition without space": (
        lambda: pl.Problem(pl.Box(t=(0, 1)), "u", lambda u: u.t, [pl.Dirichlet(u=0.0)]),
        ValueError,
        "has no boundary in space; use Initial",
    ),
    "NaN from a condition's function": (
        lambda: make(conditions=[pl.Initial(u=lambda x: torch.sqrt(x - 2))]),
        ValueError,
        r"Initial\(u=<lambda>\): its value is NaN or infinite at some points .*check the function",
    ),
    "a condition's function of the wrong shape": (
        lambda: make(conditions=[pl.Initial(u=lambda x: torch.zeros(3))]),
        ValueError,
        r"initial u returned shape \(3,\) for \(7,\) points",
    ),
    "a parameter that is no number": (
        lambda: make(parameters={"nu": "small"}),
        TypeError,
        r"parameters\['nu'\] is a str: 'small'; give a number, Uniform\(lower, upper\) or Unknown",
    ),
    "a parameter that is true": (lambda: make(parameters={"nu": True}), TypeError, "is a bool: True; give a number"),
    "a parameter that is NaN": (lambda: make(parameters={"nu": math.nan}), ValueError, "'nu'. is nan; give a finite"),
    "an empty family": (
        lambda: pl.Uniform(1.0, 1.0),
        ValueError,
        r"Uniform\(1.0, 1.0\): give two finite.*lower < upper",
    ),
    "a guess that is not finite": (lambda: pl.Unknown(math.inf), ValueError, r"Unknown\(inf\).*finite number"),
    "a name used twice": (
        lambda: make(parameters={"nu": 1.0, "x": 2.0}),
        ValueError,
        "'x' is both a coordinate and a parameter; give them different names",
    ),
    "an unknown twice": (lambda: make(unknowns=("u", "u")), ValueError, "a name stands twice"),
    "no unknowns": (lambda: make(unknowns=()), ValueError, r"unknowns=\(\): give one name or a tuple"),
    "an unknown that is no name": (lambda: make(unknowns="u v"), ValueError, "unknowns='u v': give one name"),
    "a domain that is no region": (
        lambda: make(domain=(0.0, 1.0)),
        TypeError,
        r"domain=\(0.0, 1.0\): give a region, such as Box",
    ),
    "a condition that is none": (lambda: make(conditions=[0.0]), TypeError, "conditions holds 0.0; give Initial"),
    "an empty interval": (lambda: make(domain=pl.Box(x=(0, 0))), ValueError, "interval is empty"),
    "an unknown name in the reference": (
        lambda: make(reference=lambda x, t, y: x),
        ValueError,
        "reference has an argument 'y'",
    ),
    "an unknown name in the velocity": (lambda: make(velocity=lambda w: w), ValueError, "velocity has an argument 'w'"),
    "a branch on a field": (
        lambda: make(equations=lambda u: u.t if u > 0 else u.x),
        TypeError,
        "use torch.where",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_when_the_problem_is_built(case: str) -> None:
    build, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        build()


OWN = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
SOLVES: dict[str, tuple[Callable[[], Any], type, str]] = {
    "a network with too many inputs": (
        lambda: pl.solve(make(), pl.PINN(network=pl.MLP(3, 1))),
        ValueError,
        r"network=MLP\(...\) failed on 2 inputs.*2 coordinates and 1 unknowns.*\(n, 2\) to \(n, 1\)",
    ),
    "a network with too many outputs": (
        lambda: pl.solve(make(), pl.PINN(network=OWN)),
        ValueError,
        r"network=Sequential\(...\) mapped \(3, 2\) to \(3, 2\).*must map \(n, 2\) to \(n, 1\)",
    ),
    "a network that is none": (lambda: pl.PINN(network=3), TypeError, r"PINN\(network=3\): give a torch.nn.Module"),
    "a family passed unsolved": (
        lambda: pl.solve(make(parameters={"nu": pl.Uniform(0.1, 1.0)}), pl.PINN()),
        ValueError,
        r"PINN solves one instance, but parameter 'nu' is a family.*pl.solve\(problem.at\(nu=...\)",
    ),
    "causality without time": (
        lambda: pl.solve(pl.Problem(LINE, "u", lambda u: u.xx - 1, pl.Dirichlet(u=0.0)), pl.CausalPINN()),
        ValueError,
        "CausalPINN needs time.*use pl.PINN",
    ),
    "windows without time": (
        lambda: pl.solve(pl.Problem(LINE, "u", lambda u: u.xx - 1, pl.Dirichlet(u=0.0)), pl.PINN(windows=2)),
        ValueError,
        "windows=2: the problem has no time 't'",
    ),
    "windows outside": (
        lambda: pl.solve(make(), pl.PINN(windows=(0.5, 2.0))),
        ValueError,
        r"windows=\(0.5, 2.0\): give increasing times strictly inside \(0, 1\)",
    ),
    "a solver class": (lambda: pl.solve(make(), pl.PINN), TypeError, r"write pl.PINN\(\) with parentheses"),
    "no problem": (lambda: pl.solve(heat), TypeError, "solve.. got a function; give a pl.Problem"),
    "a negative budget": (lambda: pl.solve(make(), pl.PINN(), max_seconds=-1), ValueError, "max_seconds=-1.: must be"),
    "an error without a reference": (
        lambda: pl.solve(make(), pl.PINN(), target_error=0.1),
        ValueError,
        "target_error=.* needs a problem with a reference",
    ),
    "a half float": (lambda: pl.solve(make(), pl.PINN(), dtype=torch.float16), ValueError, "use torch.float64 or"),
    "a seed that is no number": (lambda: pl.solve(make(), pl.PINN(), seed="a"), ValueError, "seed='a'.: must be"),
    "stages that are none": (lambda: pl.PINN(stages=("adam",)), TypeError, "give optimizers, such as .pl.Adam"),
    "no stages": (lambda: pl.PINN(stages=()), TypeError, "give optimizers"),
    "no points": (lambda: pl.PINN(points=0), ValueError, r"PINN\(points=0\): must be a whole number of at least 1"),
    "unknown sampling": (lambda: pl.PINN(sampling="magic"), ValueError, "sampling='magic' is unknown; choose one of"),
    "no windows": (lambda: pl.PINN(windows=0), ValueError, r"windows=0\): use at least 1"),
    "weighting that is none": (lambda: pl.PINN(weighting="ntk"), TypeError, "give Unweighted.., GradientNorm.. or NTK"),
    "tolerances that fall": (
        lambda: pl.CausalPINN(tolerances=(1.0, 0.1)),
        ValueError,
        r"tolerances=\(1.0, 0.1\): give increasing numbers",
    ),
    "delta of one": (lambda: pl.CausalPINN(delta=1.0), ValueError, "delta=1.0: .*between 0 and 1"),
    "one slice": (lambda: pl.CausalPINN(slices=1), ValueError, "slices=1: causality needs at least 2"),
    "initial elsewhere": (lambda: pl.CausalPINN(initial="left"), ValueError, "choose 'outside' .* or 'inside'"),
}


@pytest.mark.parametrize("case", SOLVES)
def test_bad_input_is_refused_before_training(case: str, capsys: pytest.CaptureFixture) -> None:
    build, kind, message = SOLVES[case]
    with pytest.raises(kind, match=message):
        build()
    assert "loss" not in capsys.readouterr().err
