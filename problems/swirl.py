"""Swirling deformation: u_t + a u_x + b u_y = 0 on the unit square, t in [0, 1.5], by a flow that turns back half way.

a = sin^2(pi x) sin(2 pi y) cos(pi t / T), b = -sin^2(pi y) sin(2 pi x) cos(pi t / T), T = 1.5: the data are wound into a
spiral until t = T / 2 and unwound again. Smooth periodic data: u(x, y, 0) = exp(2 cos(2 pi (x - 1/2)) +
2 cos(2 pi (y - 3/4)) - 4). Source: LeVeque, "High-resolution conservative algorithms for advection in incompressible
flow", SIAM J. Numer. Anal. 33 (1996) 627, section 9, there with other data.

Reference: characteristics followed backwards by an eighth-order Runge-Kutta method to 1e-11; at t = T the data at the start.

Published errors for these data: none.
"""

import math

import numpy as np
import torch
from scipy.integrate import solve_ivp

import pinnlab as pl

PUBLISHED = "none"
BUDGET = 300.0
T = 1.5


def across(x, y, t):
    return torch.sin(math.pi * x) ** 2 * torch.sin(2 * math.pi * y) * torch.cos(math.pi * t / T)


def upward(x, y, t):
    return -(torch.sin(math.pi * y) ** 2) * torch.sin(2 * math.pi * x) * torch.cos(math.pi * t / T)


def transport(u, x, y, t):
    return u.t + across(x, y, t) * u.x + upward(x, y, t) * u.y


def initial(x, y):
    return torch.exp(2 * torch.cos(2 * math.pi * (x - 0.5)) + 2 * torch.cos(2 * math.pi * (y - 0.75)) - 4)


def start(x, y, t):
    """Where the particles that are at (x, y) at time t were at time 0, each (n,).

    By symmetry of the flow in time, a place is the same at t and T - t. All particles are followed together over
    tau in [0, 1], which stands for the time t (1 - tau).
    """
    t = torch.minimum(t, T - t)

    def slope(tau, state):
        x, y = torch.from_numpy(state).reshape(2, -1)
        now = t * (1 - tau)
        return torch.cat([-t * across(x, y, now), -t * upward(x, y, now)]).numpy()

    found = solve_ivp(
        slope, (0.0, 1.0), torch.cat([x, y]).numpy(), method="DOP853", rtol=1e-11, atol=1e-12, t_eval=(1.0,)
    )
    return torch.from_numpy(found.y[:, -1]).reshape(2, -1)


def reference(x, y, t):
    x, y, t = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (x, y, t)))
    places = start(*(torch.from_numpy(value.reshape(-1).copy()) for value in (x, y, t)))
    return initial(*places).reshape(x.shape)


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, T)),
        unknowns="u",
        equations=transport,
        conditions=[pl.Initial(u=initial), pl.Periodic(on="x"), pl.Periodic(on="y")],
        reference=reference,
        velocity=(across, upward),
        name="swirl",
    )


def recipe() -> pl.LagrangianPINN:
    return pl.LagrangianPINN(
        trajectory=pl.MLP(width=24, depth=2),
        windows=8,
        warm_start=True,
        harmonics=2,
        points=700,
        stages=pl.LevenbergMarquardt(steps=10_000),
    )
