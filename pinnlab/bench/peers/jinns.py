"""jinns (Gangloff & Jouvin, arXiv:2412.14132), which is written in JAX, as a peer.

Adam, then its self-scaled Broyden method on all points until the time is up, each as one compiled loop, whose compilation
is not counted; where a method comes to rest, it starts again on other points. ``jinns_natural`` has its natural gradient.

The equation is recorded as operations of torch, which JAX carries out, and the derivatives of the network are JAX's.
What is known of the points, the derivatives of G and F in u = G + F N, is computed once and stands behind the
coordinates. Jinns takes conditions on the sides of boxes from points of its own, so only equations are compared.

Letters: c derivatives, n points, d coordinates, m unknowns.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.bench.peers.graphs import in_jax
from pinnlab.bench.peers.recorder import Recorder
from pinnlab.bench.peers.task import ADAM_RATE, ADAM_STEPS, Task, stacked
from pinnlab.bench.peers.translation import product_rule
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.indices import Index, Indices, closure
from pinnlab.derivatives.jets import LazyJet

PACKAGES = ("jinns",)
_ITERATIONS, _LOOK_EVERY = 1_000_000, 10


def train(task: Task, recorder: Recorder) -> str:
    """Train until the time is up; returns the configuration in words.

    Raises:
        ValueError: the problem has soft conditions.
    """
    start_jax(task)
    from jinns.optimizers import scale_by_SSBroyden_family
    from jinns.solver import GetJinnsVariableName

    needed = {
        "value": GetJinnsVariableName("train_loss_value"), "grad_pt": GetJinnsVariableName("grads"),
        "loss": GetJinnsVariableName("loss"), "batch": GetJinnsVariableName("batch"),
        "value_fn": callback_value, "grad_fn": callback_gradient,
    }  # fmt: skip
    return train_by(task, recorder, "SSBroyden", scale_by_SSBroyden_family(), needed)


def train_by(task: Task, recorder: Recorder, name: str, second: Any, needed: dict[str, Any] | None = None) -> str:
    """Train with Adam and then with another optimizer until the time is up; returns the configuration in words.

    Args:
        task: without soft conditions.
        recorder: of its errors.
        name: of the second optimizer.
        second: the optimizer.
        needed: what jinns must hand over to it.
    """
    import jax
    import jinns
    import optax

    own = OurTask(task)
    u, weights = own.network()
    params = jinns.parameters.Params(nn_params=weights, eq_params={})
    own.show(jax.tree.leaves(weights))
    recorder.start(own.unknowns, task.dtype)
    params = own.solve(u, params, ADAM_STEPS, optax.adam(ADAM_RATE), own.watch(recorder))
    while not recorder.late:
        params = own.solve(u, params, _ITERATIONS, second, own.watch(recorder), needed)
    return (
        f"jinns {importlib.metadata.version('jinns')}: MLP({task.layers}, {task.activation}), {own.n} points; "
        f"Adam({ADAM_STEPS}, lr={ADAM_RATE}), then {name}"
    )


def start_jax(task: Task) -> None:
    """JAX with the task's type of numbers, on one thread."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.environ["NPROC"] = "1"
    import jax

    jax.config.update("jax_enable_x64", task.dtype == torch.float64)


def callback_value(params: Any, loss: Any, batch: Any) -> Any:
    """The loss; jinns asks for functions of a module that are named like this."""
    return loss(params, batch)[0]


def callback_gradient(params: Any, loss: Any, batch: Any) -> Any:
    """Its gradient."""
    import jax

    return jax.grad(lambda at: loss(at, batch)[0])(params)


class OurTask:
    """A task in the words of jinns, with the network in torch for measuring."""

    def __init__(self, task: Task):
        if len(task.parts) > 1:
            raise ValueError(
                f"{task.problem.name} has conditions that are not built in; jinns is compared on problems whose conditions "
                "can be met exactly. Compare with --solver deepxde or --solver pina."
            )
        self.task, (self.part,) = task, task.parts
        self.n, self.d = self.part.n, len(task.problem.domain.coordinates)
        self._rng = np.random.default_rng([task.seed, 1])
        torch.manual_seed(task.seed)
        self._layers = [nn.Linear(i, o, dtype=task.dtype) for i, o in zip(task.layers, task.layers[1:], strict=False)]
        for layer in self._layers:
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.indices = self._indices()

    def network(self) -> tuple[Any, Any]:
        """The network of jinns, N without exact conditions, and its weights: those of the other peers."""
        import equinox as eqx
        import jax
        import jinns

        task = self.task
        activation = {"tanh": jax.numpy.tanh, "sin": jax.numpy.sin, "swish": jax.nn.silu}[task.activation]
        listed: list[tuple[Any, ...]] = []
        for layer in self._layers:
            listed += [(eqx.nn.Linear, layer.in_features, layer.out_features), (activation,)]
        features = in_jax(task.features, torch.zeros(1, self.d, dtype=task.dtype))
        u, start = jinns.nn.PINN_MLP.create(
            key=jax.random.PRNGKey(task.seed), eqx_list=tuple(listed[:-1]), eq_type="PDEStatio",
            input_transform=lambda x, params: features(x[None])[0],
        )  # fmt: skip
        ours = [jax.numpy.asarray(p.detach().numpy()) for layer in self._layers for p in (layer.weight, layer.bias)]
        return u, jax.tree.unflatten(jax.tree.structure(start), ours)

    def loss(self, u: Any, params: Any) -> Any:
        """The weighted mean square of the equation's residuals."""
        import jinns

        residual = self._residual()

        class Equation(jinns.loss.PDEStatio):
            def equation(self, x: Any, u: Any, params: Any) -> Any:
                return residual(x, lambda at: u(at, params))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # conditions are built in
            return jinns.loss.LossPDEStatio(
                u=u, dynamic_loss=Equation(), params=params,
                loss_weights=jinns.loss.LossWeightsPDEStatio(dyn_loss=self.part.term.weight),
            )  # fmt: skip

    def data(self) -> Any:
        """New points with what is known there, all of them in each step."""
        import equinox as eqx
        import jax
        import jinns

        lower, upper = zip(*self.task.problem.domain.bounds.values(), strict=True)
        data = jinns.data.CubicMeshPDEStatio(
            key=jax.random.PRNGKey(0), n=self.n, dim=self.d, min_pts=tuple(lower), max_pts=tuple(upper)
        )
        points = stacked(self.task.sites(self.part, self._rng))
        return eqx.tree_at(lambda it: it.omega, data, jax.numpy.asarray(self.rows(points).numpy()))

    def solve(
        self, u: Any, params: Any, steps: int, optimizer: Any, watch: Any, needed: dict[str, Any] | None = None
    ) -> Any:
        """Train on new points; returns the parameters."""
        import jinns

        found = jinns.solve(
            n_iter=steps, init_params=params, data=self.data(), loss=self.loss(u, params), optimizer=optimizer,
            validation=watch, verbose=False, print_loss_every=steps, extra_optax_args_and_kwargs=needed,
        )  # fmt: skip
        return found[0]

    def rows(self, points: Tensor) -> Tensor:
        """(n, d + 2 c m): coordinates, and the derivatives of G and F there."""
        exact = self.task.exact
        if exact.are_none:
            return points
        for index in self.indices:
            exact.derivatives(points, index)
        indices, *known = exact.derivatives(points, self.indices[-1])
        kept = [indices.index(index) for index in self.indices]
        return torch.cat([points, *(part[kept].movedim(1, 0).flatten(1) for part in known)], dim=1)

    def _indices(self) -> Indices:
        """The derivatives that the equation uses, and all below them."""
        asked = LazyJet(lambda key: torch.ones(1, dtype=self.task.dtype))
        self._evaluate(torch.full((1, self.d), 0.5, dtype=self.task.dtype), [asked] * len(self.task.problem.unknowns))
        return closure(self._index(key) for key in asked)

    def _index(self, key: tuple[str, ...]) -> Index:
        return tuple(sorted(self.task.problem.domain.coordinates.index(name) for name in key))

    def _evaluate(self, points: Tensor, jets: list[LazyJet]) -> Tensor:
        problem, term = self.task.problem, self.part.term
        own = dict(zip(problem.unknowns, jets, strict=True))
        scope = Scope.of_jets(own, problem.domain.columns(points), self.task._parameters)
        found = term.evaluate((scope,))
        return torch.stack([found[name] for name in term.residuals], dim=1)

    def _residual(self) -> Callable[[Any, Callable[[Any], Any]], Any]:
        """Residuals at one row from the network there, for JAX."""
        import jax
        import jax.numpy as jnp

        task, d, indices, m = self.task, self.d, self.indices, len(self.task.problem.unknowns)
        none = task.exact.are_none

        def with_conditions(row: Tensor, network: Tensor) -> Tensor:
            known = row[:, d:].reshape(1, -1, len(indices), m).movedim(0, 2)

            def jet(j: int) -> LazyJet:
                def of_network(index: Index) -> Tensor:
                    return network[indices.index(index), :, j]

                def derive(key: tuple[str, ...]) -> Tensor:
                    if none:
                        return of_network(self._index(key))
                    return product_rule(self._index(key), indices, known[0, ..., j], known[1, ..., j], of_network)

                return LazyJet(derive)

            return self._evaluate(row[:, :d], [jet(j) for j in range(m)])

        row = self.rows(stacked(task.sites(self.part, np.random.default_rng(0)))[:1])
        recorded = in_jax(with_conditions, row, torch.ones(len(indices), 1, m, dtype=task.dtype))

        def along(function: Callable[[Any], Any], i: int) -> Callable[[Any], Any]:
            unit = jnp.zeros(d).at[i].set(1.0)
            return lambda x: jax.jvp(function, (x,), (unit,))[1]

        def residual(x: Any, network: Callable[[Any], Any]) -> Any:
            found = []
            for index in indices:
                derivative = network
                for i in index:
                    derivative = along(derivative, i)
                found.append(derivative(x[:d])[None])
            return recorded(x[None], jnp.stack(found))[0]

        return residual

    def show(self, weights: list[Any]) -> bool:
        """Take over weights for measuring; whether they are others than before."""
        changed = False
        ours = [p for layer in self._layers for p in (layer.weight, layer.bias)]
        with torch.no_grad():
            for parameter, weight in zip(ours, weights, strict=True):
                new = torch.from_numpy(np.array(weight)).to(parameter)
                changed = changed or not torch.equal(new, parameter)
                parameter.copy_(new)
        return changed

    def unknowns(self, points: Tensor) -> Tensor:
        """(n, m) unknowns at (n, d) points, by the weights that were shown last."""
        kinds: dict[str, Callable[[Tensor], Tensor]] = {
            "tanh": torch.tanh,
            "sin": torch.sin,
            "swish": nn.functional.silu,
        }
        activation = kinds[self.task.activation]
        value = self.task.features(points)
        for layer in self._layers[:-1]:
            value = activation(layer(value))
        return self.task.exact(points, self._layers[-1](value))

    def watch(self, recorder: Recorder) -> Any:
        """What jinns asks now and then whether to stop: the time is up, or the method has come to rest."""
        import jax
        import jax.numpy as jnp
        from jax.experimental import io_callback
        from jinns.validation._validation import AbstractValidationModule

        looks = itertools.count()

        def look(*weights: Any) -> np.ndarray:
            moved = self.show(list(weights))
            if next(looks) == 0:  # after the first step, which waited for the compiler
                recorder.go_on()
                return np.array(recorder.check())
            return np.array(recorder.check() or not moved)

        class Watch(AbstractValidationModule):
            call_every: int = _LOOK_EVERY

            def __call__(self, params: Any) -> Any:
                leaves = jax.tree.leaves(params.nn_params)
                stop = io_callback(look, jax.ShapeDtypeStruct((), bool), *leaves)
                return self, stop, jnp.zeros(()), False

        return Watch()
