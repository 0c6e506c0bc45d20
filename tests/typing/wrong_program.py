"""Mistakes that a type checker must find, one in each line that says so; it is never run."""

import pinnlab as pl


def heat(u: pl.Field) -> pl.Field:
    text: str = u.t  # wrong: assignment
    u + "one"  # wrong: arg-type
    "one" * u  # wrong: operator
    u.d(1)  # wrong: arg-type
    u(0.0)  # wrong: operator
    u[0]  # wrong: index
    float(u)  # wrong: arg-type
    pl.diff("u", "x")  # wrong: call-overload
    number: float = pl.diff(u, "x")  # wrong: assignment
    if text and number:
        return u.value  # wrong: return-value
    return u.t - u.xx


def parts(domain: pl.Box) -> None:
    pl.Box(x=1.0)  # wrong: arg-type
    pl.Dirichlet(u="zero")  # wrong: arg-type
    pl.Initial(u=(0.0, 1.0))  # wrong: arg-type
    pl.Robin(u=1.0)  # wrong: arg-type
    pl.Problem((0.0, 1.0), "u", heat)  # wrong: arg-type
    pl.Problem(domain, 1, heat)  # wrong: arg-type
    pl.Problem(domain, "u", "heat")  # wrong: arg-type
    pl.Problem(domain, "u", heat, [0.0])  # wrong: list-item
    pl.Problem(domain, "u", heat, parameters={"D": "small"})  # wrong: dict-item
    pl.Problem(domain, "u", heat, velocity="fast")  # wrong: arg-type
    pl.Problem(domain, "u")  # wrong: call-arg


def solved(problem: pl.Problem) -> None:
    pl.PINN(networks=pl.MLP(width=8))  # wrong: call-arg
    pl.solve(problem, pl.MLP(width=8))  # wrong: arg-type
    solution = pl.solve(problem, pl.PINN(), max_seconds="long")  # wrong: arg-type
    error: str = solution.error()["u"]  # wrong: assignment
    problem.name = error  # wrong: misc
    pl.solved(problem)  # wrong: attr-defined
