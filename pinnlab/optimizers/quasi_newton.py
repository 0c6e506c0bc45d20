"""Optimizers that learn curvature from gradients: L-BFGS, and the self-scaled Broyden family with a dense matrix.

Both need one fixed loss from step to step, so points are redrawn rarely or never; what was learned of the curvature is
kept across a redraw, loss and gradient are evaluated anew.

Letters: P parameters; H approximates the inverse Hessian, B = H^-1; s is a step, y the change of the gradient over it.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinnlab.machine.calls import explained_call
from pinnlab.optimizers.base import Objective, Optimizer, State, Step, require, require_count, require_schedule
from pinnlab.optimizers.line_search import LineSearch, strong_wolfe


@explained_call()
@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, Math. Program. 45, 1989) with ``torch.optim.LBFGS`` and its strong Wolfe
    search.

    One ``step`` is one call of torch's optimizer, that is ``iterations`` line searches (about 1.25 gradients each), so
    ``steps=500`` are 10,000 iterations.

    **Arguments:** ``steps`` >= 1; ``history`` >= 1, the remembered pairs (s, y); ``iterations`` >= 1 per step;
    ``redraw_every`` >= 1 steps, or ``None`` to keep the points; ``learning_rate`` > 0, the first length each line
    search tries.

    torch ignores pairs with s.y <= 1e-10, which is most of them once a loss is small. Hence it is given the loss times
    a power of two that keeps it near one, and its memory is rescaled along.

    Raises ``ValueError`` for an argument out of its range.
    """

    check_every: ClassVar[int] = 5
    steps: int = 500
    history: int = 50
    iterations: int = 20
    redraw_every: int | None = None
    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        require_schedule("LBFGS", self.steps, self.redraw_every)
        why = "curvature is learned from remembered steps"
        require_count("LBFGS", "history", self.history, why, "give an integer of at least 1, such as 50")
        why = "a step consists of a whole number of line searches"
        require_count("LBFGS", "iterations", self.iterations, why, "give an integer of at least 1, such as 20")
        positive = self.learning_rate > 0 and math.isfinite(self.learning_rate)
        why = "it is the first length a line search tries"
        require(positive, "LBFGS", "learning_rate", self.learning_rate, why, "keep 1.0")

    def init(self, objective: Objective, theta: Tensor) -> State:
        loss = float(objective.loss_and_gradient(theta)[0])
        return {"iteration": 0, "caution": 1.0, "loss": loss, "scale": _power_of_two(loss), "memory": {}, "moved": True}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        k = state["iteration"]
        memory = copy.deepcopy(state["memory"])  # torch works in place
        if self.redraw_every is not None and k > 0 and (k % self.redraw_every == 0 or not state["moved"]):
            objective.redraw()
            # Gradients on old and new points give no pair: a step of length 0 makes torch leave it out.
            memory = {**memory, "t": 0.0} if memory else {}

        scale = _power_of_two(state["loss"])
        _rescale(memory, scale / state["scale"])
        parameter = theta.detach().clone().requires_grad_()
        lbfgs = torch.optim.LBFGS(
            [parameter],
            lr=state["caution"] * self.learning_rate,
            max_iter=self.iterations,
            max_eval=3 * self.iterations,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=self.history,
            line_search_fn="strong_wolfe",
        )
        lbfgs.state[parameter] = memory
        evaluations = 0

        def closure() -> Tensor:
            nonlocal evaluations
            evaluations += 1
            loss, gradient = objective.loss_and_gradient(parameter.detach())
            if not _finite(loss, gradient):
                # At the start a zero gradient makes torch stop. Later it interpolates whatever it gets, and a wall of
                # finite height makes it turn back.
                wall = 1e6 / scale if evaluations > 1 else math.nan
                loss, gradient = torch.full_like(loss, wall), torch.zeros_like(gradient)
            parameter.grad = scale * gradient.detach()
            return scale * loss.detach()

        before = float(lbfgs.step(closure)) / scale
        moved = not torch.equal(parameter.detach(), theta)
        loss = float(objective.loss_and_gradient(parameter.detach())[0]) if moved else before
        memory = dict(lbfgs.state[parameter])
        memory.pop("al", None)  # a scratch list, rebuilt on demand
        # Without motion the memory is to blame at first; steepest descent gets one more step.
        had_memory = bool(state["memory"].get("old_dirs"))
        new = {**state, "iteration": k + 1, "loss": loss, "scale": scale, "moved": moved}
        new["memory"] = memory if moved else {}
        remedy = moved or had_memory or (self.redraw_every is not None and state["moved"])
        stalled = math.isfinite(loss) and not remedy
        return Step(parameter.detach(), new, loss, stalled, {"evaluations": float(evaluations)})

    def shorten(self, state: State) -> State:
        return {**state, "caution": 0.5 * state["caution"], "memory": {}, "moved": True}


@explained_call()
@dataclass(frozen=True)
class SSBroyden(Optimizer):
    """The self-scaled Broyden family with a dense inverse Hessian, in float64 whatever the dtype of the parameters.

    At each step the approximation is divided by tau <= 1 before it is updated, and the member of Broyden's family is
    chosen anew (``broyden_coefficients``). Memory P^2 numbers, time O(P^2) a step beside the gradient: for P of up to a
    few thousand.

    **Arguments:** ``steps`` >= 1, each one line search; ``redraw_every`` >= 1 steps, or ``None`` to keep the points;
    ``variant``: ``"ssbroyden"``, ``"ssbfgs"`` or plain ``"bfgs"``; 0 < ``c1`` < ``c2`` < 1, the constants of the strong
    Wolfe conditions; ``max_evaluations`` >= 1 in a line search.

    The matrix is reset to a multiple of the identity where descent or s.y > 0 fails. If even then no lower loss is
    found, points are redrawn early if ``redraw_every`` allows it, else the step is marked as stalled.

    ``state`` carries loss and gradient at the current parameters. Whoever changes the objective other than by its
    ``redraw`` passes the state without its key ``"gradient"`` to have both evaluated again.

    Source: Al-Baali and Khalfan, Optim. Methods Softw. 20 (2005); Urban, Stefanou, Pons, J. Comput. Phys. 523 (2025),
    arXiv 2405.04230. Raises ``ValueError`` for an argument out of its range.
    """

    check_every: ClassVar[int] = 50
    steps: int = 5000
    redraw_every: int | None = 500
    variant: str = "ssbroyden"
    c1: float = 1e-4
    c2: float = 0.9
    max_evaluations: int = 25

    def __post_init__(self) -> None:
        require_schedule("SSBroyden", self.steps, self.redraw_every)
        known = ("ssbroyden", "ssbfgs", "bfgs")
        why, fix = "no such member of the family", f"choose one of {', '.join(known)}"
        require(self.variant in known, "SSBroyden", "variant", self.variant, why, fix)
        why = "the Wolfe conditions need 0 < c1 < c2 < 1"
        require(0 < self.c1 < 1, "SSBroyden", "c1", self.c1, why, "try 1e-4")
        require(self.c1 < self.c2 < 1, "SSBroyden", "c2", self.c2, why, f"try 0.9 with c1={self.c1!r}")
        why = "a line search needs a whole number of trials"
        require_count("SSBroyden", "max_evaluations", self.max_evaluations, why, "give an integer of at least 1")

    def init(self, objective: Objective, theta: Tensor) -> State:
        loss, gradient = _evaluate(objective, theta)
        length = float(gradient.norm())
        scale = min(1.0, 1.0 / length) if 0 < length < math.inf else 1.0
        state: State = {"iteration": 0, "since_redraw": 0, "loss": loss, "gradient": gradient}
        return {**state, **_identity(scale, theta)}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        state = dict(state)
        k, since = state["iteration"], state["since_redraw"]
        if self.redraw_every is not None and (since >= self.redraw_every or since < 0):
            objective.redraw()
            state.pop("gradient", None)
            since = 0
        if "gradient" not in state:
            state["loss"], state["gradient"] = _evaluate(objective, theta)
        loss, gradient = state["loss"], state["gradient"]
        state["iteration"], state["since_redraw"] = k + 1, since
        if not (math.isfinite(loss) and bool(gradient.isfinite().all())):
            if self.redraw_every is not None:
                state["since_redraw"] = -1  # other points may do
            return Step(theta, state, math.nan if math.isfinite(loss) else loss)

        found = self._search(objective, theta, state)
        if found is None and not state["fresh"]:
            state.update(_identity(state["scale"], theta))
            found = self._search(objective, theta, state)
        if found is None:
            redrawable = self.redraw_every is not None and since > 0
            state["since_redraw"] = -1 if redrawable else since
            return Step(theta, state, loss, stalled=not redrawable)

        search, s, new_gradient = found
        state.update(self._update(state, s, new_gradient - gradient, search.step))
        state.update(since_redraw=since + 1, loss=search.value, gradient=new_gradient)
        info = {"step_size": search.step, "evaluations": float(search.evaluations)}
        return Step(_move(theta, s), state, search.value, info=info)

    def shorten(self, state: State) -> State:
        new = {name: value for name, value in state.items() if name != "gradient"}
        inverse = new["inverse_hessian"]
        scale = 0.1 * new["scale"]
        return {**new, **_identity(scale, inverse[0])}

    def reweighted(self, state: State) -> State:
        return {name: value for name, value in state.items() if name != "gradient"}

    def _search(self, objective: Objective, theta: Tensor, state: State) -> tuple[LineSearch, Tensor, Tensor] | None:
        """Line search along -H g: its result, the step (P,), the gradient (P,) after it; ``None`` without descent."""
        gradient = state["gradient"]
        direction = -(state["inverse_hessian"] @ gradient)
        slope = float(gradient @ direction)
        if not (math.isfinite(slope) and slope < 0):
            return None
        gradients: dict[float, Tensor] = {}

        def phi(length: float) -> tuple[float, float]:
            value, gradients[length] = _evaluate(objective, _move(theta, length * direction))
            return value, float(gradients[length] @ direction)

        limit = self.max_evaluations
        search = strong_wolfe(phi, state["loss"], slope, c1=self.c1, c2=self.c2, max_evaluations=limit)
        return None if search.step == 0 else (search, search.step * direction, gradients[search.step])

    def _update(self, state: State, s: Tensor, y: Tensor, length: float) -> State:
        """The matrix after the step ``s`` = ``length`` times -H g, over which the gradient changed by ``y``."""
        sy, ss, yy = float(s @ y), float(s @ s), float(y @ y)
        if not (math.isfinite(yy) and sy > 1e-14 * math.sqrt(ss * yy)):
            return _identity(state["scale"], s)
        scale = sy / yy
        inverse = state["inverse_hessian"]
        if state["fresh"]:  # the size of the identity was a guess; now it is known (Nocedal and Wright, eq. 6.20)
            inverse, s_bs = scale * torch.eye(s.numel(), dtype=s.dtype, device=s.device), ss / scale
        else:
            s_bs = -length * float(s @ state["gradient"])  # B s = -length g
        hy = inverse @ y
        yhy = float(y @ hy)
        if not (0 < yhy < math.inf and 0 < s_bs < math.inf):
            return _identity(scale, s)
        tau, phi = broyden_coefficients(s_bs / sy, yhy / sy, s.numel(), self.variant)
        return {"inverse_hessian": broyden_update(inverse, s, y, hy, tau, phi), "scale": scale, "fresh": False}


def broyden_coefficients(b: float, h: float, size: int, variant: str = "ssbroyden") -> tuple[float, float]:
    """Scaling tau in (0, 1] and member phi >= 0 of Broyden's family, phi = 1 being BFGS and phi = 0 DFP.

    ``b`` = s.Bs / s.y > 0 and ``h`` = y.Hy / s.y > 0 (h b >= 1 by Cauchy-Schwarz); ``size`` is P >= 1; ``variant`` as
    in ``SSBroyden``. The formulas are (13) to (23) of Urban, Stefanou, Pons (arXiv 2405.04230), after Al-Baali and
    Khalfan's wide interval for self-scaling; "ssbfgs" is their (11).
    """
    if variant == "bfgs":
        return 1.0, 1.0
    rho = min(1.0, 1.0 / b)
    if variant == "ssbfgs":
        return rho, 1.0
    a = max(h * b - 1.0, 0.0)
    if a < 1e-12:  # s parallel to H y: all members coincide, and the formulas divide by zero
        return rho, 1.0
    # h (1 - sqrt(a / (a + 1))), written without the cancellation for large a
    rho_minus = min(1.0, h / ((a + 1.0) * (1.0 + math.sqrt(a / (a + 1.0)))))
    theta = max((rho_minus - 1.0) / a, min(1.0 / rho_minus, (1.0 - b) / b))
    sigma = 1.0 + a * theta
    spread = sigma ** (-1.0 / max(size - 1, 1))
    tau = rho * min(spread, 1.0 / theta) if theta > 0 else min(rho * spread, sigma)
    return tau, (1.0 - theta) / sigma


def broyden_update(inverse: Tensor, s: Tensor, y: Tensor, hy: Tensor, tau: float, phi: float) -> Tensor:
    """The updated inverse Hessian H', (P, P), with H' y = s; exactly symmetric if ``inverse`` is.

    H' = (H - Hy (Hy)^T / y.Hy + phi v v^T) / tau + s s^T / s.y  with  v = sqrt(y.Hy) (s / s.y - Hy / y.Hy).

    ``inverse`` is H, (P, P); ``s``, ``y`` and ``hy`` = H y are (P,), with s.y > 0. Positive definite if H is,
    ``tau`` > 0 and ``phi`` >= 0. Cost O(P^2).
    """
    sy, yhy = float(s @ y), float(y @ hy)
    v = s / sy - hy / yhy
    new = inverse / tau
    for vector, weight in ((hy, -1.0 / (tau * yhy)), (v, phi * yhy / tau), (s, 1.0 / sy)):
        # The product of one vector with itself rounds symmetrically; broadcasting is much faster than torch.addr.
        root = math.sqrt(abs(weight)) * vector
        new.addcmul_(root[:, None], root, value=math.copysign(1.0, weight))
    return new


def _identity(scale: float, like: Tensor) -> State:
    """A reset: ``scale`` times the identity, to be sized by the first step made with it."""
    eye = torch.eye(like.numel(), dtype=torch.float64, device=like.device)
    return {"inverse_hessian": scale * eye, "scale": scale, "fresh": True}


def _evaluate(objective: Objective, theta: Tensor) -> tuple[float, Tensor]:
    loss, gradient = objective.loss_and_gradient(theta)
    return float(loss), gradient.detach().to(torch.float64)


def _move(theta: Tensor, s: Tensor) -> Tensor:
    return theta.detach() + s.to(theta.dtype)


def _finite(loss: Tensor, gradient: Tensor) -> bool:
    return bool(loss.isfinite()) and bool(gradient.isfinite().all())


def _power_of_two(loss: float) -> float:
    """The power of two that brings ``loss`` near one; scaling by it does not round."""
    if not (0 < loss < math.inf):
        return 1.0
    # The limits keep it representable in single precision.
    return 2.0 ** min(max(-round(math.log2(loss)), -100), 100)


def _rescale(memory: State, ratio: float) -> None:
    """What torch's L-BFGS remembers, as if the loss had been ``ratio`` times as large; in place.

    The names are torch's own and not documented. A two-loop recursion of our own would not need them, but would round
    otherwise and could not go on from checkpoints that hold them; a name that torch changes is a KeyError here.
    """
    if ratio == 1.0 or not memory:
        return
    for name, factor in (("prev_flat_grad", ratio), ("prev_loss", ratio), ("H_diag", 1.0 / ratio)):
        memory[name] = memory[name] * factor
    memory["old_dirs"] = [y * ratio for y in memory["old_dirs"]]
    memory["ro"] = [value / ratio for value in memory["ro"]]
