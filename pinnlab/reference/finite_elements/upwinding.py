"""Streamline upwinding: test functions that look upstream where transport is faster than diffusion across an element.

Letters: d coordinates, k elements, q quadrature points of each, i functions of an element.

Where b . grad u dominates, the equation's residual r inside the elements is tested besides with tau b . grad phi (A. N.
Brooks and T. J. R. Hughes, Comput. Methods Appl. Mech. Eng. 32 (1982) 199). An exact solution leaves no r, so that the
method stays of its order; tau is that of quadratic elements, half as long as linear ones, and zero where diffusion
reaches across them, so that problems of diffusion are solved as without it.
"""

from __future__ import annotations

import numpy as np

from pinnlab.reference.finite_elements.space import Array


def delay(speed: Array, diffusion: Array, length: Array) -> Array:
    """tau, the time in which transport crosses a half of a quadratic element's half, less where diffusion keeps up.

    Args:
        speed, diffusion: of the equation.
        length: of the element along the transport.
    """
    half = length / 2
    # Peclet's number of a half element; coth(P) - 1/P in the simpler form of Brooks and Hughes, zero below one
    reach = np.divide(2 * diffusion, speed * half, out=np.full_like(speed, np.inf), where=speed > 0)
    return np.divide(half, 2 * speed, out=np.zeros_like(speed), where=speed > 0) * np.maximum(0.0, 1 - reach)


def lengths(corners: Array, along: Array) -> Array:
    """(k, q) lengths of straight elements with corners (k, d + 1, d) along vectors (d, k, q)."""
    sides = corners[:, 1:] - corners[:, :1]
    others = np.linalg.inv(sides)  # (k, d, d): columns are gradients of the barycentric coordinates of other corners
    slopes = np.concatenate([-others.sum(axis=2, keepdims=True), others], axis=2)
    size = np.linalg.norm(along, axis=0)
    across = np.abs(np.einsum("dkq,kdc->kqc", along, slopes)).sum(axis=2)
    return np.divide(2 * size, across, out=np.zeros_like(size), where=across > 0)


def upstream(velocity: Array, diffusion: Array, corners: Array) -> Array | None:
    """(d, k, q) tau b; None where it is zero everywhere.

    Args:
        velocity: b (d, k q) at the quadrature points of all elements.
        diffusion: (k q,).
        corners: (k, d + 1, d) of the elements.
    """
    velocity, diffusion = velocity.reshape(len(velocity), len(corners), -1), diffusion.reshape(len(corners), -1)
    tau = delay(np.linalg.norm(velocity, axis=0), diffusion, lengths(corners, velocity))
    return tau * velocity if tau.any() else None
