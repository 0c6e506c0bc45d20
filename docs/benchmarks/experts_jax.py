"""The experts' layer in JAX: Optimistix and JAXopt, for docs/benchmarks/experts.py, which runs this file.

    PYTHON_WITH_JAX docs/benchmarks/experts_jax.py DATA.npz RESULT.npz

DATA holds one Burgers layer (basis functions, scales, right-hand sides); RESULT gets seconds, coefficients and gradients.
Needs jax, optimistix and jaxopt; nothing of pinnlab.
"""

from __future__ import annotations

import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import jaxopt
import numpy as np
import optimistix

jax.config.update("jax_enable_x64", True)


def main(source: str, target: str) -> None:
    data = dict(np.load(source))
    nu, ridge, tolerance, steps = (float(data[k]) for k in ("nu", "ridge", "tolerance", "steps"))
    scales, u0 = jnp.asarray(data["scales"]), jnp.asarray(data["u0"])
    bases = tuple(jnp.asarray(data[k]) for k in ("equation", "initial", "left", "right"))
    start = jnp.asarray(data["start"])

    def residuals(w, bases):
        equation, initial, left, right = bases  # (3 or 1, n, N) of one expert: u, u_t and u_xx need u_x, too
        u, x, t, xx = jnp.einsum("cnk,k->cn", equation, w)
        return jnp.concatenate([
            scales[0] * (t + u * x - nu * xx), scales[1] * (initial @ w - u0), scales[2] * (left @ w),
            scales[2] * (right @ w), ridge * w,
        ])  # fmt: skip

    def by_optimistix(w, bases):
        solver = optimistix.LevenbergMarquardt(rtol=tolerance, atol=tolerance)
        return optimistix.least_squares(residuals, solver, w, bases, max_steps=int(steps), throw=False).value

    def jaxopt_solver(solve):
        return jaxopt.LevenbergMarquardt(
            residuals, maxiter=int(steps), tol=tolerance, xtol=tolerance, gtol=tolerance, implicit_diff=True,
            implicit_diff_solve=solve,
        )  # fmt: skip

    def lu(matvec, b, **kwargs):
        return jaxopt.linear_solve.solve_lu(matvec, b)

    def by_jaxopt(w, bases):
        return jaxopt_solver(lu).run(w, bases).params

    found = {}
    for name, solve in (("optimistix", by_optimistix), ("jaxopt", by_jaxopt)):

        def coefficients(bases, solve=solve):
            return jax.vmap(solve)(start, bases)

        def loss(bases, coefficients=coefficients):
            w = coefficients(bases)
            return (jax.vmap(residuals)(w, bases) ** 2).sum() / len(w)

        for task, function in (("inference", jax.jit(coefficients)), ("training", jax.jit(jax.grad(loss)))):
            began = time.process_time()
            result = jax.block_until_ready(function(bases))
            found[f"{name} {task} compile"] = time.process_time() - began
            times = []
            while len(times) < 2 or (sum(times) < 1 and len(times) < 30):
                began = time.process_time()
                result = jax.block_until_ready(function(bases))
                times.append(time.process_time() - began)
            found[f"{name} {task} seconds"] = min(times)
            if task == "inference":
                found[f"{name} w"] = np.asarray(result)
                found[f"{name} loss"] = np.asarray((jax.vmap(residuals)(result, bases) ** 2).sum(-1))
            else:
                found[f"{name} gradient"] = np.concatenate([np.asarray(g).reshape(-1) for g in result])
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
