"""Convection with a variable speed: u_t + a(x) u_x = 0, a = 1 + k sin x, on [0, 2 pi], u(x, 0) = sin x, t in [0, 5].

Characteristics gather where the speed is small and spread where it is large: J = dX/dxi = a(X) / a(xi) lies between 1/3
and 3 for k = 0.5. Source: none; the smallest problem on which moving with the flow has to be learned.

Reference: exact. Along a characteristic theta - t sqrt(1 - k^2) / 2 is constant, with
tan(theta) = (tan(x/2) + k) / sqrt(1 - k^2), which gives the place xi where it started, and u = sin(xi).

Published relative errors: none.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "none"
BUDGET = 60.0


def speed(x, k):
    return 1 + k * torch.sin(x)


def convection(u, x, k):
    return u.t + speed(x, k) * u.x


def start(x, t, k):
    """Twice the sine and cosine of half the label of the characteristic through (x, t), not normalized.

    The integral of dx / (1 + k sin x) is 2 theta / s, s = sqrt(1 - k^2); both angles as pairs, so no tangent overflows.
    """
    s = math.sqrt(1 - k * k)
    sine, cosine = torch.sin(x / 2) + k * torch.cos(x / 2), s * torch.cos(x / 2)
    turned = torch.atan2(sine, cosine) - s * t / 2
    return s * torch.sin(turned) - k * torch.cos(turned), torch.cos(turned)


def reference(x, t, k):
    sine, cosine = start(torch.as_tensor(x), torch.as_tensor(t), k)
    return 2 * sine * cosine / (sine**2 + cosine**2)


def problem(k: float = 0.5) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 5.0)),
        unknowns="u",
        equations=convection,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        parameters={"k": k},
        reference=reference,
        velocity=speed,
        name="convection with variable speed",
    )


def recipe() -> pl.LagrangianPINN:
    # the speed does not change, so that the way through one window is nearly that through the next
    return pl.LagrangianPINN(
        trajectory=pl.MLP(width=14, depth=2),
        windows=10,
        warm_start=True,
        stages=pl.LevenbergMarquardt(steps=10_000),
    )
