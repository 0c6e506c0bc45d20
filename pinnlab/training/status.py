"""How a solve ended."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """How a solve ended; the value is the explanation, with advice where something can be done."""

    TARGET_REACHED = "the error against the reference fell below target_error"
    CONVERGED = "the solver's own stopping rule was met"
    STEPS_DONE = "all steps of all stages were taken; give the stages more steps to go on"
    BUDGET_REACHED = "max_seconds was reached; the error may still fall with more time"
    STALLED = (
        "the optimizer found no better parameters; use more points or a larger network, split time with windows=, "
        "or look at solution.plot() for where the residual is large"
    )
    TOLERANCE_NOT_MET = (
        "the causal tolerance was not met: some causal weights are still below one half, so late times were not "
        "trained; give more time, split time with windows=, or lower the last of tolerances="
    )
    INCOMPLETE = (
        "max_seconds was reached before the last time, and the solution is NaN from there on; give more seconds, or a "
        "larger tolerance="
    )
    UNRESOLVED = (
        "the experts could not resolve the solution: a jump or a thin layer asks for smaller cells or shorter slabs than "
        "are allowed; it is NaN where nothing was solved; smooth the data, check that the problem is well posed, or use "
        "a larger tolerance= or most_experts="
    )
    CROSSED = (
        "characteristics cross, so that places have several labels and the solution is not to be trusted from there on; "
        "the notes say when; end the problem earlier, use more viscosity, cut time with windows=, or use pl.CausalPINN()"
    )
    DIVERGED = (
        "the loss became non-finite again and again, also after shorter steps; the best state so far is returned; "
        "check the equation for divisions by zero and roots of negative numbers, or lower the learning rate"
    )
    INTERRUPTED = "interrupted by the user or a callback; the best state so far is returned"

    @property
    def ok(self) -> bool:
        """Whether the solve ended as planned."""
        return self in (Status.TARGET_REACHED, Status.CONVERGED, Status.STEPS_DONE, Status.BUDGET_REACHED)

    def __str__(self) -> str:
        return f"{self.name.lower().replace('_', ' ')}: {self.value}"
