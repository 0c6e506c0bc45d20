"""Problems whose data cannot tell their numbers apart, and others close by whose data can."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
import torch
from inverse_cases import PI, heat, line, positive

import pinnlab as pl

Table = dict[str, tuple[pl.Problem, str]]
"""{name: (problem, what has to be said)}."""
Numbers = dict[str, tuple[pl.Problem, dict[str, float]]]
"""{name: (problem, true numbers)}."""
SHARE = 0.01
"""Noise, next to the largest value."""


def with_noise(exact: Any, seed: int = 3) -> np.ndarray:
    values = np.asarray(exact)
    return values + SHARE * np.abs(values).max() * np.random.default_rng(seed).standard_normal(values.shape)


def positives(**starts: float) -> dict[str, pl.Unknown]:
    return {name: positive(start) for name, start in starts.items()}


def free(**starts: float) -> dict[str, pl.Unknown]:
    return {name: pl.Unknown(start) for name, start in starts.items()}


def followed(rates: Any, first: Any, t: np.ndarray) -> np.ndarray:
    """(m, n) states at times, by SciPy."""
    end = (0.0, float(t[-1]))
    return scipy.integrate.solve_ivp(rates, end, first, "LSODA", t_eval=t, rtol=1e-10, atol=1e-12).y


def system(names: str, t: np.ndarray, equations: Any, first: dict, data: list[pl.Data], numbers: dict) -> pl.Problem:
    """Ordinary differential equations from t = 0."""
    conditions = [pl.Initial(**first), *data]
    return pl.Problem(pl.Box(t=(0.0, float(t[-1]))), tuple(names), equations, conditions, numbers)


# -- one equation ---------------------------------------------------------------------------------------------------------


def rates() -> Table:
    """Decays, whose rate is made of several numbers."""
    t = np.linspace(0, 5, 40)
    u, plus, two = with_noise(np.exp(-0.6 * t)), positives(a=1.0, b=0.7), free(a=1.0, b=0.7)

    def decay(equation: Any, numbers: dict = two) -> pl.Problem:
        return line(equation, {"u": 1.0}, u, t, None, numbers)

    decades = {n: pl.Unknown(0.5, bounds=(1e-3, 1e3)) for n in two}
    return {
        "sum of rates": (decay(lambda u, a, b: u.t + (a + b) * u), "through a + b"),
        "difference of rates": (decay(lambda u, a, b: u.t + (a - b) * u), "through b - a"),
        "weighted sum": (decay(lambda u, a, b: u.t + (2 * a + b) * u), "through 2 a + b"),
        "product": (decay(lambda u, a, b: u.t + a * b * u, plus), "through a b"),
        "quotient": (decay(lambda u, a, b: u.t + a / b * u, plus), "through a^-1 b"),
        "square times rate": (decay(lambda u, a, b: u.t + a**2 * b * u, plus), "through a^2 b"),
        "product without bounds": (decay(lambda u, a, b: u.t + a * b * u), "through a b"),
        "a rate in decades": (decay(lambda u, a, b: u.t + a * b * u, decades), "through a b"),
        "no trace": (decay(lambda u, a, b: u.t + a * u + 0 * b), "do not tell b"),
        "no trace, positive": (decay(lambda u, a, b: u.t + a * u + 0 * b, plus), "do not tell b"),
        "three rates": (decay(lambda u, a, b, c: u.t + (a + b + c) * u, {**two, **free(c=0.3)}), "through a + b + c"),
    }  # fmt: skip


def scales() -> Table:
    """What is measured, or put in, has a scale of its own."""
    t = np.linspace(0, 5, 40)
    u = with_noise(np.exp(-0.6 * t))
    start = [pl.Initial(u=lambda a: a), pl.Data({"t": t}, of=lambda u, b: b * u, values=u)]
    offset = [pl.Initial(u=lambda a: a), pl.Data({"t": t}, of=lambda u, b: u + b, values=with_noise(0 * t + 2))]
    driven = followed(lambda t, y: [-0.6 * y[0] + 2 * math.sin(t)], [0.0], t)[0]
    gain = [pl.Initial(u=0.0), pl.Data({"t": t}, of=lambda u, gain: gain * u, values=with_noise(driven))]
    swing = followed(lambda t, y: [y[1], -9.81 / 0.5 * math.sin(y[0])], [1.0, 0.0], t)[0]
    span = pl.Box(t=(0.0, 5.0))
    return {
        "start and sensitivity": (pl.Problem(span, "u", lambda u: u.t + 0.6 * u, start, positives(a=1.0, b=0.7)),
                                  "through a b"),
        "start and offset": (pl.Problem(span, "u", lambda u: u.t, offset, free(a=1.0, b=0.7)), "through a + b"),
        "input and sensitivity": (pl.Problem(span, "u", lambda u, t, k, s: u.t + k * u - s * torch.sin(t), gain,
                                             positives(k=1.0, s=1.0, gain=1.0)), "through s gain"),
        "pendulum": (line(lambda u, g, L: L * u.tt + g * torch.sin(u), {"u": 1.0, "u_t": 0.0}, with_noise(swing), t, None,
                          positives(g=9.0, L=0.6)), "through g^-1 L"),
    }  # fmt: skip


def records() -> Table:
    """Records that are too short, too late, or of too little."""
    brief, late = np.linspace(0, 0.02, 40), np.linspace(0, 5, 40)
    asymptote = with_noise(1 - 0.7 * (1 - np.exp(-0.5 * brief)))
    small = followed(lambda t, y: [-3 * y[0] / (40 + y[0])], [0.1], np.linspace(0, 30, 40))[0]
    reversible = 1 / 3 + 2 / 3 * np.exp(-600 * late)
    return {
        "asymptote of a brief record": (line(lambda u, k, c: u.t + k * (u - c), {"u": 1.0}, asymptote, brief, None,
                                             positives(k=0.5, c=0.5)), "hardly tell"),
        "exponent of a brief record": (line(lambda u, k, n: u.t + k * u**n, {"u": 1.0}, with_noise(np.exp(-0.5 * brief)),
                                            brief, None, positives(k=0.5, n=1.5)), "hardly tell"),
        "saturation that is never reached": (line(lambda u, V, K: u.t + V * u / (K + u), {"u": 0.1}, with_noise(small),
                                                  np.linspace(0, 30, 40), None, positives(V=1.0, K=10.0)),
                                             "little but V^-1 K"),
        "fast equilibrium": (system("AB", late, lambda A, B, f, r: {"A": A.t + f * A - r * B, "B": B.t - f * A + r * B},
                                    {"A": 1.0, "B": 0.0}, [pl.Data({"t": late[1:]}, A=with_noise(reversible[1:]))],
                                    positives(f=300.0, r=300.0)), "through f^-1 r"),
    }  # fmt: skip


# -- systems --------------------------------------------------------------------------------------------------------------


def compartments(t: np.ndarray) -> np.ndarray:
    return followed(lambda t, y: [-0.9 * y[0] + 0.4 * y[1], 0.6 * y[0] - 0.6 * y[1]], [1.0, 0.0], t)


def exchange(A: Any, B: Any, out: Any, over: Any, back: Any, loss: Any) -> dict[str, Any]:
    return {"A": A.t + (out + over) * A - back * B, "B": B.t - over * A + (back + loss) * B}


def hunted(x: Any, y: Any, b: Any) -> dict[str, Any]:
    return {"x": x.t - x + b * x * y, "y": y.t - 0.5 * x * y + y}


def epidemic(S: Any, I: Any, beta: Any) -> dict[str, Any]:  # noqa: E741
    return {"S": S.t + beta * S * I, "I": I.t - beta * S * I + 0.3 * I}


def systems() -> Table:
    t, short = np.linspace(0, 10, 40), np.linspace(0, 5, 40)
    prey = followed(lambda t, y: [y[0] - 0.8 * y[0] * y[1], 0.5 * y[0] * y[1] - y[1]], [2.0, 1.0], t)[0]
    ill = followed(lambda t, y: [-y[0] * y[1], y[0] * y[1] - 0.3 * y[1]], [0.99, 0.01], 2 * t)[1]
    pair = {"A": lambda A, a, b: A.t + (a + b) * A, "B": lambda B, a, b: B.t + 2 * (a + b) * B}
    both = [pl.Data({"t": short}, A=with_noise(np.exp(-0.6 * short)), B=with_noise(3 * np.exp(-1.2 * short)))]
    reported = [pl.Data({"t": 2 * t}, of=lambda I, rho: rho * I, values=with_noise(0.2 * ill))]  # noqa: E741
    return {
        "four rates, one compartment seen": (system(
            "AB", t, exchange, {"A": 1.0, "B": 0.0}, [pl.Data({"t": t}, A=with_noise(compartments(t)[0]))],
            positives(out=0.3, over=0.5, back=0.5, loss=0.3)), "out, over, back and loss one by one"),
        "predators that nobody counts": (system(
            "xy", t, hunted, {"x": 2.0, "y": lambda y0: y0}, [pl.Data({"t": t}, x=with_noise(prey))],
            positives(b=0.7, y0=1.2)), "through b y0"),
        "share of cases that is reported": (system(
            "SI", 2 * t, epidemic, {"S": lambda S0: S0, "I": lambda I0: I0}, reported,
            positives(beta=1.0, rho=0.2, S0=1.0, I0=0.01)), "through beta^-1 rho, beta S0 and beta I0"),
        "two experiments of one kind": (system("AB", short, tuple(pair.values()), {"A": 1.0, "B": 3.0}, both,
                                               free(a=0.3, b=0.2)), "through a + b"),
    }  # fmt: skip


# -- partial differential equations -----------------------------------------------------------------------------------------


def fields() -> Table:
    rng = np.random.default_rng(3)
    at = {"x": rng.uniform(0, 1, 80), "t": rng.uniform(0, 0.3, 80)}
    warm = with_noise(np.exp(-(PI**2 * 0.8 + 2) * at["t"]) * np.sin(PI * at["x"]))
    two, plus = free(a=1.0, b=0.7), positives(a=1.0, b=0.7)
    late = {"x": at["x"], "t": 2 + at["t"]}
    steady = with_noise(np.sin(PI * at["x"]) * 5 / PI**2)
    middle = {"x": np.full(40, 0.5), "t": np.linspace(0.01, 0.3, 40)}
    modes = with_noise(np.exp(-(PI**2) * middle["t"]))
    string = with_noise(np.cos(2 * PI * at["t"]) * np.sin(PI * at["x"]))
    wave = with_noise(np.exp(-0.4 * PI**2 * at["t"]) * np.sin(2 * PI * (at["x"] - at["t"])))
    metres = {"x": 0.1 * at["x"], "t": 1000 * at["t"]}
    steel = with_noise(300 * np.exp(-(PI**2) * 50 / 3.6e6 * 100 * metres["t"]) * np.sin(PI * at["x"]))
    bump = [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)]

    def plate(equation: Any, numbers: dict, conditions: list, end: float = 0.3, length: float = 1.0) -> pl.Problem:
        return pl.Problem(pl.Box(x=(0.0, length), t=(0.0, end)), "u", equation, conditions, numbers)

    return {
        "conduction and loss": (heat(at, warm, None, two, lambda u, a, b: u.t - a * u.xx + b * u), "through 9.87 a + b"),
        "capacity and conductivity": (heat(at, warm, None, plus, lambda u, a, b: a * u.t - b * u.xx + 0 * u),
                                      "through a^-1 b"),
        "steady data of a transient": (plate(
            lambda u, x, D, s: u.t - D * u.xx - s * torch.sin(PI * x), positives(D=1.5, s=4.0),
            [*bump, pl.Data(late, u=steady)], 2.3), "through D^-1 s"),
        "source at a node": (plate(
            lambda u, x, D, s: u.t - D * u.xx - s * torch.sin(2 * PI * x), free(D=0.8, s=1.0),
            [*bump, pl.Data(middle, u=modes)]), "do not tell s"),
        "tension and mass": (plate(
            lambda u, T, m: m * u.tt - T * u.xx, positives(T=3.0, m=1.0),
            [pl.Initial(u=lambda x: torch.sin(PI * x), u_t=0.0), pl.Dirichlet(u=0.0), pl.Data(at, u=string)]),
            "through T^-1 m"),
        "retardation": (plate(
            lambda u, R, v, D: R * u.t + v * u.x - D * u.xx, positives(R=1.0, v=0.8, D=0.1),
            [pl.Initial(u=lambda x: torch.sin(2 * PI * x)), pl.Periodic(on="x"), pl.Data(at, u=wave)]),
            "through R^-1 v and R^-1 D"),
        "steel in the users' units": (plate(
            lambda u, k, C: C * u.t - k * u.xx, positives(k=30.0, C=2e6),
            [pl.Initial(u=lambda x: 300 * torch.sin(10 * PI * x)), pl.Dirichlet(u=0.0), pl.Data(metres, u=steel)],
            300.0, 0.1), "through k^-1 C"),
        "phase that nobody sees": (pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 0.1)), {"psi": complex}, lambda psi, m, V: 1j * psi.t + m * psi.xx - V * psi,
            [pl.Initial(psi=lambda x: torch.sin(PI * x) + torch.sin(2 * PI * x)), pl.Dirichlet(psi=0.0),
             pl.Data({"x": at["x"], "t": at["t"] / 3}, of=lambda psi: psi.abs() ** 2,
                     values=with_noise(density(at["x"], at["t"] / 3)))], free(m=0.9, V=1.0)), "do not tell V"),
    }  # fmt: skip


def density(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.abs(wave_function(x, t)) ** 2


def wave_function(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return sum(np.exp(-1j * (k * PI) ** 2 * t) * np.sin(k * PI * x) for k in (1, 2))


def bars() -> Table:
    x = np.linspace(0.05, 0.95, 19)
    bow = with_noise(0.75 * x * (1 - x), 4)
    ends = [pl.Dirichlet(u=0.0), pl.Data({"x": x}, u=bow)]
    fin = np.cosh(2 * (1 - x)) / np.cosh(2)
    cooled = [pl.Dirichlet(u=1.0, on="x-"), pl.Neumann(u=0.0, on="x+"), pl.Data({"x": x}, u=with_noise(fin))]
    pulled = [pl.Dirichlet(u=0.0, on="x-"), pl.Condition(lambda u, k, q: k * u.x - q, on="x+"),
              pl.Data({"x": x}, u=with_noise(2 * x))]  # fmt: skip
    slopes = [pl.Dirichlet(u=lambda c: c), pl.Data({"x": x}, of=lambda u: u.x, values=with_noise(1 - 2 * x))]
    held = [pl.Dirichlet(u=0.0), pl.Data({"x": x}, u=with_noise(-bow))]

    def bar(equation: Any, conditions: list, numbers: dict) -> pl.Problem:
        return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, conditions, numbers)

    return {
        "source and stiffness": (bar(lambda u, a, b: a * u.xx + b, ends, positives(a=1.0, b=0.7)), "through a^-1 b"),
        "two sources": (bar(lambda u, a, b: u.xx + a + b, ends, free(a=1.0, b=0.7)), "through a + b"),
        "fin": (bar(lambda u, k, h: k * u.xx - h * u, cooled, positives(k=1.0, h=3.0)), "through k^-1 h"),
        "pull and stiffness": (bar(lambda u: u.xx, pulled, positives(k=1.0, q=1.0)), "through k^-1 q"),
        "level behind slopes": (bar(lambda u, s: u.xx + s, slopes, free(s=1.0, c=0.5)), "do not tell c"),
        "a source that must not be a sink": (bar(lambda u, s: u.xx + s, held, positives(s=1.0)), "at its bound"),
    }  # fmt: skip


def blind_cases() -> Table:
    """What data do not tell."""
    return {**rates(), **scales(), **records(), **systems(), **fields(), **bars()}


# -- what data do tell, though it looks like that ---------------------------------------------------------------------------


def told_cases() -> Numbers:
    """Problems close to those above, with one thing more that tells the numbers apart."""
    rng = np.random.default_rng(3)
    t, long, late = np.linspace(0, 5, 40), np.linspace(0, 12, 40), np.linspace(0, 0.01, 40)
    at = {"x": rng.uniform(0, 1, 80), "t": rng.uniform(0, 0.3, 80)}
    x = np.linspace(0.05, 0.95, 19)
    decay, growth = with_noise(np.exp(-0.6 * t)), with_noise(np.exp(-0.2 * t), 4)
    full = followed(lambda t, y: [-3 * y[0] / (4 + y[0])], [10.0], t)[0]
    hunt = followed(lambda t, y: [y[0] - 0.8 * y[0] * y[1], 0.5 * y[0] * y[1] - y[1]], [2.0, 1.0], 2 * t)
    both = compartments(2 * t)
    modes = [np.exp(-(0.8 * k**2 * PI**2 + 2) * at["t"]) * np.sin(k * PI * at["x"]) for k in (1, 2)]
    rise = np.exp(-(PI**2) * at["t"]) + 5 / PI**2 * (1 - np.exp(-(PI**2) * at["t"]))
    psi = wave_function(at["x"], at["t"] / 3) * np.exp(-2j * at["t"] / 3)
    bump = [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)]
    two = pl.Initial(u=lambda x: torch.sin(PI * x) + torch.sin(2 * PI * x))

    def plate(equation: Any, numbers: dict, *conditions: Any) -> pl.Problem:
        return pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)), "u", equation, list(conditions), numbers)

    pair = {"A": lambda A, a, b: A.t + (a + b) * A, "B": lambda B, a, b: B.t + (a - b) * B}
    quick = lambda A, B, f, r: {"A": A.t + f * A - r * B, "B": B.t - f * A + r * B}  # noqa: E731
    gain = [
        pl.Data({"t": t}, of=lambda u, b: b * u, values=with_noise(2.4 * np.exp(-0.6 * t))),
        pl.Data({"t": t}, u=decay),
    ]
    pulled = [pl.Dirichlet(u=0.0, on="x-"), pl.Condition(lambda u, k, q: k * u.x - q, on="x+"),
              pl.Data({"x": x}, u=with_noise(2.5 * x - 0.5 * x**2, 4))]  # fmt: skip
    return {
        "two experiments of two kinds": (system("AB", t, tuple(pair.values()), {"A": 1.0, "B": 1.0},
                                                [pl.Data({"t": t}, A=decay, B=growth)], free(a=0.3, b=0.3)),
                                         {"a": 0.4, "b": 0.2}),
        "sensitivity beside the state": (pl.Problem(pl.Box(t=(0.0, 5.0)), "u", lambda u: u.t + 0.6 * u,
                                                    [pl.Initial(u=lambda a: a), *gain], positives(a=1.5, b=1.5)),
                                         {"a": 1.0, "b": 2.4}),
        "asymptote of a long record": (line(lambda u, k, c: u.t + k * (u - c), {"u": 1.0},
                                            with_noise(0.3 + 0.7 * np.exp(-0.5 * long)), long, None,
                                            positives(k=1.0, c=0.5)), {"k": 0.5, "c": 0.3}),
        "saturation that is reached": (line(lambda u, V, K: u.t + V * u / (K + u), {"u": 10.0}, with_noise(full), t, None,
                                            positives(V=1.0, K=10.0)), {"V": 3.0, "K": 4.0}),
        "equilibrium on its way": (system("AB", late, quick, {"A": 1.0, "B": 0.0},
                                          [pl.Data({"t": late}, A=with_noise(1 / 3 + 2 / 3 * np.exp(-600 * late)))],
                                          positives(f=300.0, r=300.0)), {"f": 400.0, "r": 200.0}),
        "four rates, both compartments seen": (system(
            "AB", 2 * t, exchange, {"A": 1.0, "B": 0.0}, [pl.Data({"t": 2 * t}, A=with_noise(both[0]),
                                                                  B=with_noise(both[1], 4))],
            positives(out=0.4, over=0.5, back=0.5, loss=0.3)), {"out": 0.3, "over": 0.6, "back": 0.4, "loss": 0.2}),
        "predators that are counted": (system(
            "xy", 2 * t, hunted, {"x": 2.0, "y": lambda y0: y0}, [pl.Data({"t": 2 * t}, x=with_noise(hunt[0]),
                                                                          y=with_noise(hunt[1], 4))],
            positives(b=0.7, y0=1.2)), {"b": 0.8, "y0": 1.0}),
        "conduction and loss of two modes": (plate(
            lambda u, D, h: u.t - D * u.xx + h * u, free(D=1.0, h=1.0), two, bump[1],
            pl.Data(at, u=with_noise(sum(modes)))), {"D": 0.8, "h": 2.0}),
        "transient on its way": (plate(
            lambda u, x, D, s: u.t - D * u.xx - s * torch.sin(PI * x), positives(D=1.5, s=4.0), *bump,
            pl.Data(at, u=with_noise(rise * np.sin(PI * at["x"])))), {"D": 1.0, "s": 5.0}),
        "phase that is seen": (pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 0.1)), {"psi": complex}, lambda psi, m, V: 1j * psi.t + m * psi.xx - V * psi,
            [pl.Initial(psi=lambda x: torch.sin(PI * x) + torch.sin(2 * PI * x)), pl.Dirichlet(psi=0.0),
             pl.Data({"x": at["x"], "t": at["t"] / 3}, of=lambda psi: psi.real, values=with_noise(psi.real))],
            free(m=0.9, V=1.0)), {"m": 1.0, "V": 2.0}),
        "pull and stiffness under a weight": (pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, k: k * u.xx + 1, pulled,
                                                         positives(k=0.7, q=1.0)), {"k": 1.0, "q": 1.5}),
    }  # fmt: skip
