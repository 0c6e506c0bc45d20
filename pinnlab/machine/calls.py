"""What a call says that does not fit a signature: which argument to write instead of the one that is none."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

_Called = TypeVar("_Called", bound=Callable[..., Any])

_COUNTS = ("steps", "stages", "max_seconds")
_LAYERS = ("depth", "network")
_NEURONS = ("width", "network")
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("epochs", "epoch", "n_epochs", "num_epochs", "max_epochs", "iterations", "iters"), _COUNTS),
    **dict.fromkeys(("n_iterations", "num_iterations", "max_iterations", "maxiter", "max_iter", "n_iter"), _COUNTS),
    **dict.fromkeys(("n_steps", "num_steps", "max_steps", "nsteps", "steps"), _COUNTS),
    **dict.fromkeys(("lr", "learning_rate", "rate", "alpha"), ("learning_rate", "stages", "solver")),
    **dict.fromkeys(("optimizer", "optimizers", "optim", "method", "algorithm"), ("stages", "solver")),
    **dict.fromkeys(("scheduler", "lr_scheduler", "lr_decay"), ("decay", "stages")),
    **dict.fromkeys(("layers", "layer_sizes", "architecture", "sizes"), ("width", "network")),
    **dict.fromkeys(("neurons", "units", "hidden", "hidden_size", "hidden_dim", "hidden_features", "n_neurons"), _NEURONS),
    **dict.fromkeys(("hidden_layers", "n_layers", "num_layers", "nlayers", "n_hidden"), _LAYERS),
    **dict.fromkeys(("width", "depth", "activation", "act", "net", "model", "nn", "neural_net"), ("activation", "network")),
    **dict.fromkeys(("activation_function", "activations", "nonlinearity", "func"), ("activation", "network")),
    **dict.fromkeys(("batch_size", "batchsize", "collocation_points", "n_points", "num_points"), ("points", "batch")),
    **dict.fromkeys(("num_domain", "n_collocation", "n_f", "interior_points", "sample_size"), ("points",)),
    **dict.fromkeys(("num_boundary", "n_boundary", "num_initial", "n_b", "n_u"), ("boundary_points",)),
    **dict.fromkeys(("loss_weights", "weights", "lambdas"), ("weighting", "condition_weight", "weight")),
    **dict.fromkeys(("verbose", "verbosity", "disp", "display", "quiet", "log"), ("progress",)),
    **dict.fromkeys(("timeout", "time_limit", "max_time", "seconds", "budget"), ("max_seconds",)),
    **dict.fromkeys(("tol", "tolerance", "atol", "rtol", "eps", "stop_loss"), ("tolerance", "target_error")),
    **dict.fromkeys(("pde", "pdes", "ode", "equation", "residual", "residuals", "operator"), ("equations",)),
    **dict.fromkeys(("bc", "bcs", "ic", "ics", "icbcs", "constraints", "boundary_conditions"), ("conditions",)),
    **dict.fromkeys(("condition", "initial_condition", "initial_conditions", "boundary_condition"), ("conditions",)),
    **dict.fromkeys(("geometry", "geom", "region", "geomtime", "spatial_domain"), ("domain",)),
    **dict.fromkeys(("params", "param", "coefficients", "constants", "inputs_params"), ("parameters",)),
    **dict.fromkeys(("exact", "solution", "exact_solution", "analytic", "analytical", "truth"), ("reference",)),
    **dict.fromkeys(("variables", "outputs", "output_variables", "fields", "variable"), ("unknowns",)),
    **dict.fromkeys(("random_state", "random_seed", "rng", "manual_seed"), ("seed",)),
    **dict.fromkeys(("n_experts", "num_experts", "cells", "elements"), ("experts",)),
    **dict.fromkeys(("n", "nx", "n_grid", "grid_size", "num", "steps_per_axis"), ("resolution", "points")),
    **dict.fromkeys(("side", "boundary", "edge", "face"), ("on",)),
    **dict.fromkeys(("value", "values", "target", "rhs"), ("equals", "start")),
    **dict.fromkeys(("initial", "guess", "init", "initial_guess", "x0"), ("start",)),
    **dict.fromkeys(("min", "low", "lo", "vmin"), ("lower",)),
    **dict.fromkeys(("max", "high", "hi", "vmax"), ("upper",)),
    **dict.fromkeys(("gpu", "use_gpu", "cuda", "use_cuda"), ("device",)),
    **dict.fromkeys(("float64", "double", "precision"), ("dtype",)),
    **dict.fromkeys(("save", "save_path", "checkpoint_path", "model_save_path"), ("checkpoint",)),
    **dict.fromkeys(("n_subdomains", "decomposition", "partition"), ("subdomains",)),
    **dict.fromkeys(("noise", "sigma", "std", "error"), ("sd",)),
}  # fmt: skip
"""{how other packages call an argument: how it may be called here}."""
_WRITTEN = {
    "activation": 'activation="tanh"',
    "checkpoint": 'checkpoint="run.ck"',
    "conditions": "conditions=[pl.Initial(u=...), pl.Dirichlet(u=0.0)]",
    "decay": "decay=0.9, decay_every=2000",
    "depth": "depth=3",
    "device": 'device="cuda"',
    "domain": "domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))",
    "equations": "equations=lambda u: u.t - u.xx",
    "learning_rate": "learning_rate=1e-3",
    "max_seconds": "max_seconds=60, or say in the solver how long it is trained: pl.PINN(stages=(pl.Adam(steps=1000),))",
    "network": "network=pl.MLP(width=20, depth=3)",
    "on": 'on="x-"',
    "parameters": "parameters={'nu': 0.01}",
    "progress": "progress=False",
    "reference": "reference=lambda x, t: ...",
    "seed": "seed=0",
    "solver": "solver=pl.PINN(stages=(pl.Adam(steps=1000, learning_rate=1e-3),))",
    "stages": "stages=(pl.Adam(steps=1000, learning_rate=1e-3), pl.LevenbergMarquardt(steps=200))",
    "steps": "steps=1000",
    "unknowns": "unknowns=('u', 'v')",
    "width": "width=20, depth=3: three hidden layers of 20 neurons, as the problem knows inputs and outputs",
}
"""{argument: what one writes}; others are shown as ``name=...``."""


def explained_call(usual: str = "") -> Callable[[_Called], _Called]:
    """A decorator of functions and classes: arguments that do not fit raise a sentence that says what to write instead.

    Args:
        usual: what to write where arguments are given without names that have one, or where one is missing; ``{owner}``
            in it is the name of the class.
    """

    def decorated(called: _Called) -> _Called:
        if not isinstance(called, type):
            wrapped: Any = _checked(called, usual)
            return wrapped
        type.__setattr__(called, "__init__", _checked(vars(called)["__init__"], usual))
        return called

    return decorated


def _checked(function: Callable[..., Any], usual: str) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        try:
            signature.bind(*given, **named)
        except TypeError as error:
            raise TypeError(misfit(function, signature, given, named, usual)) from error
        return function(*given, **named)

    return call


def misfit(
    function: Callable[..., Any],
    signature: inspect.Signature,
    given: Sequence[Any],
    named: Mapping[str, Any],
    usual: str = "",
) -> str:
    """Why arguments do not fit a signature, and what to write instead.

    Args:
        function: that was called; of a class, its ``__init__``.
        signature: of it.
        given: arguments without names; the first one is the object where it is a method.
        named: arguments with names.
        usual: as in ``explained_call``.
    """
    owner, parameters = function.__name__, dict(signature.parameters)
    if next(iter(parameters), "") == "self":
        owner = type(given[0]).__name__ if owner == "__init__" else owner
        given = given[1:]
        parameters.pop("self")
    names = [n for n, p in parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    usual = usual.format(owner=owner)
    advice = usual or f"the arguments are {', '.join(names)}"
    for name, value in named.items():
        if name not in names:
            return f"{owner}({name}={_brief(value)}): there is no argument {name!r}; {_instead(name, names, usual)}."
    unnamed = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    shown = f"{owner}({', '.join([*map(_brief, given), *(f'{n}=...' for n in named)])})"
    if len(given) > len(unnamed):
        first = " and ".join(unnamed) if unnamed else "no argument"
        return f"{shown}: {'only ' if unnamed else ''}{first} can be given without a name; {advice}."
    if twice := [n for n in unnamed[: len(given)] if n in named]:
        return f"{shown}: {twice[0]!r} is given twice, with and without its name; leave out one of them."
    missing = [n for n in names if parameters[n].default is inspect.Parameter.empty and n not in named]
    missing = [n for n in missing if n not in unnamed[: len(given)]]
    return f"{shown}: {', '.join(missing) or 'an argument'} is missing; {advice}."


def _instead(name: str, names: Sequence[str], usual: str) -> str:
    """What to write in place of an argument that does not exist."""
    for meant in _ELSEWHERE.get(name.lower(), ()):
        if meant in names:
            return f"write {_WRITTEN.get(meant) or f'{meant}= instead'}"
    near = difflib.get_close_matches(name.lower(), names, 1, 0.6)
    if near:
        return f"write {near[0]}= instead"
    return usual or f"the arguments are {', '.join(names)}"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"<{type(value).__name__}>"
