"""Solution: what ``solve`` returns. It can be evaluated, measured, compared, plotted and saved.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import RELATIVE_TO, function_errors, relative_errors
from pinnlab.domains import Box
from pinnlab.solution.comparison import Comparison, compare
from pinnlab.solution.coordinates import at_coordinates, on_grid, refuse_unnamed, unknowns_at
from pinnlab.solution.errors import found_fields, mean_error
from pinnlab.solution.expressions import evaluated
from pinnlab.solution.family_jets import family_jet, moving_parameters, numbers_of_member
from pinnlab.solution.files import saving
from pinnlab.solution.files.export import to_vtu, to_xarray
from pinnlab.solution.fitted_numbers import fitted_numbers
from pinnlab.solution.integrals import integral
from pinnlab.solution.intervals import intervals, shown
from pinnlab.solution.measures import residuals_at
from pinnlab.solution.paths import paths
from pinnlab.solution.quality.report import QualityReport, asked_report
from pinnlab.solution.samples import Samples, asked_samples
from pinnlab.solution.sensitivity import Sensitivity, asked_sensitivity
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.result import Members
from pinnlab.training.status import Status
from pinnlab.training.uncertainty import Uncertainty

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = float | Sequence[float] | np.ndarray
"""Coordinates that give NumPy arrays; tensors give tensors."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The unknowns as functions of the coordinates: ``solution(x=..., t=...) -> {"u": array}``.

    Attributes:
        problem: what was solved; of a solution loaded without it, what the file knows of it.
        function, models: (n, d) -> (n, m), and its parts, one per time window or slab, in time order.
        history: records of the run.
        status: how the run ended, with advice.
        seconds: of the whole solve, planning included.
        solver: the configuration that was used.
        notes: remarks of the plan, such as why a condition is soft.
        members: finds the members of a family; None where a single instance was solved.
        uncertainty: how sure numbers are that were found from data; ``intervals`` makes intervals of it.
    """

    problem: Problem
    function: Callable[[Tensor], Tensor] = field(repr=False)
    models: Sequence[Part] = field(repr=False)
    history: History = field(repr=False)
    status: Status
    seconds: float
    solver: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    members: Members | None = field(default=None, repr=False)
    uncertainty: Uncertainty | None = field(default=None, repr=False)

    @overload
    def __call__(self, **coordinates: Tensor) -> dict[str, Tensor]: ...
    @overload
    def __call__(self, **coordinates: Numbers) -> dict[str, np.ndarray]: ...
    @overload
    def __call__(self, **coordinates: Any) -> dict[str, Any]: ...
    def __call__(self, *unnamed: Any, **coordinates: Any) -> Any:
        """Evaluate at coordinates given by name; shapes broadcast.

        Args:
            coordinates: numbers, arrays or tensors, one per coordinate of the domain. NumPy in gives NumPy out, tensors
                give tensors, which can be differentiated by what requires gradients, any number of times. Of a family,
                its parameters too. Outside of the domain values are NaN, but beyond the ends of a periodic coordinate.

        Raises:
            TypeError: a coordinate is missing, unknown or without its name.
        """
        refuse_unnamed(unnamed, self.problem.domain.coordinates)
        if self.members is None:
            return at_coordinates(self, "solution", coordinates, lambda points: unknowns_at(self, points))
        if not (moving := moving_parameters(self, coordinates)):
            return self._member(coordinates)(**coordinates)
        jet = family_jet(self.at, self.problem, coordinates, moving)
        return at_coordinates(self, "solution", coordinates, lambda points: unknowns_at(self, points, jet), moving)

    def evaluate(self, expression: Callable[..., Any], /, **coordinates: Any) -> Any:
        """An expression of unknowns, derivatives, coordinates and parameters, bound by name as equations are.

        ``solution.evaluate(lambda u, D: -D * u.x, x=xs, t=0.5)`` is a flux; several are returned by name:
        ``lambda u: {"flux": -u.x, "curvature": u.xx}``.

        Args:
            expression: returns one value per point, or {name: value}. Unknown coefficients have the values that were
                found.
            coordinates: as in a call: NumPy in gives NumPy out, tensors give tensors, which can be differentiated.

        Returns:
            The values, in the broadcast shape of the coordinates; several as {name: values}.

        Raises:
            TypeError: a coordinate is missing or unknown; what is returned are no values.
            ValueError: an argument that nothing is called; an expression that mixes points, such as ``torch.mean(u)``.
        """
        if self.members is not None:
            return self._member(coordinates).evaluate(expression, **coordinates)
        return evaluated(self, expression, coordinates)

    def integrate(self, expression: Callable[..., Any], /, *, on: str | None = None, **fixed: Any) -> Any:
        """The integral of an expression over the domain, a cross-section of it, or a piece of its boundary.

        ``solution.integrate(lambda u: u**2, t=0.5)`` is over space at one time. Coordinates that are not given are
        integrated over, time as well: without ``t`` the integral is over space and time. Gauss's rule is refined until two
        resolutions agree to 1e-8 of the integral of the modulus; where they do not, a warning says so.

        Args:
            expression: as in ``evaluate``; several are returned by name. On the boundary ``n`` is the outward unit normal,
                as in ``pl.Condition``: ``lambda u, n: u.d(n)``.
            on: a piece of the boundary, as in conditions; in one dimension the value at the end, or the sum of both. An
                expression that asks for ``n`` is integrated over the whole boundary without it.
            fixed: coordinates that stand still, numbers or arrays: the time, or another coordinate of a box. Of a family,
                its parameters too.

        Returns:
            The number, with ``error``, a bound of what the quadrature adds to the solution's own error; an array where
            coordinates stand still at several places; {name: number} of several expressions.

        Raises:
            TypeError: an unknown coordinate; a region without a quadrature.
            ValueError: an argument that nothing is called; an expression that mixes points; a coordinate that cannot stand
                still, or outside the domain.

        Warns:
            UserWarning: two resolutions do not agree.
        """
        if self.members is not None:
            return self._member(fixed).integrate(expression, on=on, **fixed)
        return integral(self, expression, on, fixed)

    def __str__(self) -> str:
        return shown(self, vars(self).get("sure", self.uncertainty))

    def _repr_html_(self) -> str:
        """What notebooks show: what ``print`` says, and a small picture."""
        from pinnlab.pictures.cards import solution_card

        return solution_card(self, str(self))

    def _member(self, coordinates: dict[str, Any]) -> Solution:
        """The member whose parameters stand among the coordinates; they are taken out."""
        return self.at(**numbers_of_member(self, coordinates))

    def at(
        self,
        *,
        points: int | None = None,
        steps: int | None = None,
        tolerance: float | None = None,
        domain: Box | None = None,
        **parameters: Any,
    ) -> Solution:
        """One member of a family: ``solution.at(a=0.1)`` is a solution of ``problem.at(a=0.1)``.

        Experts over trained basis functions solve for it here, and may with other settings than in training.

        Args:
            points: of the equations, per expert of these.
            steps, tolerance: of their inner solver.
            domain: another box for them, such as a longer time.
            parameters: one value per family parameter.

        Raises:
            ValueError: the problem is no family; a parameter is missing, unknown or outside its family; an expert's
                problem cannot be solved.
        """
        if self.members is None:
            raise ValueError(
                f"at({', '.join(parameters)}): this solution is of one problem, not of a family; solvers such as "
                "HardConstraintMoE() solve problems with parameters={'a': pl.Uniform(...)} for all members at once."
            )
        options: dict[str, Any] = {"points": points, "steps": steps, "tolerance": tolerance, "domain": domain}
        problem, model, remarks = self.members.member(parameters, **options)
        status, notes = Status.STALLED if remarks else self.status, (*self.notes, *remarks)
        return Solution(problem, model.values, [model], self.history, status, self.seconds, self.solver, notes)

    @property
    def coefficients(self) -> dict[str, Any]:
        """What was found beside the unknowns, from the last window: numbers, and functions ``q(x=...)``."""
        return {n: float(p.detach()) for n, p in self.models[-1].coefficients.items()} | dict(self.models[-1].functions)

    def intervals(self, level: float = 0.95, **arguments: Any) -> dict[str, tuple[Any, Any]]:
        """{name: (low, high)} of what was found, of functions at arguments; see ``solution.intervals.intervals``."""
        return intervals(self, level, arguments)

    def sensitivity(self, sd: Any = None, **sizes: int) -> Sensitivity:
        """Where one more measurement would shrink which interval by how much; see ``solution.sensitivity.sensitivity``."""
        return asked_sensitivity(self, sd, sizes)

    def sample(self, draws: int = 400, max_seconds: float = 60.0, seed: int = 0) -> Samples:
        """Draws of the numbers, as probable as data make them, by Markov chains; see ``solution.samples.samples``."""
        return asked_samples(self, draws, max_seconds, seed)

    @cached_property
    def sure(self) -> Uncertainty:
        """How sure numbers are that were found from data, by a fit of its own where the solver did not tell."""
        return self.uncertainty or fitted_numbers(self)

    def error(
        self, reference: Any = None, *, relative_to: str = "size", members: int = 8, seed: int = 0
    ) -> dict[str, float]:
        """Relative L2 error of each unknown over a fine grid of the whole domain, and of functions that were found.

        Functions count where the reference returns their values as well. Of a family it is the mean over random members,
        each against ``problem.reference`` or, without one, the classical solution.

        Args:
            reference: a function of the coordinates, another solution, or a classical reference;
                ``problem.reference`` if None.
            relative_to: ``"size"``, the norm of the reference; ``"variation"``, the norm of its distance from its mean,
                which an offset does not hide errors behind; or ``"all"``, the norm of all unknowns together, which have
                to be of one kind: the root of the sum of squares is then the error of all of them (PINNacle's measure).
            members: how many of a family are drawn.
            seed: of the draw.

        Raises:
            ValueError: there is no reference; another word for ``relative_to``.
        """
        if relative_to not in RELATIVE_TO:
            raise ValueError(f"error(relative_to={relative_to!r}): choose one of {', '.join(map(repr, RELATIVE_TO))}.")
        if self.members is not None:
            return mean_error(self.at, self.problem, reference, relative_to, members, seed)
        reference = self.problem.reference if reference is None else reference
        if reference is None:
            raise ValueError(
                "error() has nothing to compare with: the problem has no reference; pass one, such as "
                "solution.error(pl.reference_solution(problem)), call solution.compare(), or, for a solution from a "
                "file, pass problem= to Solution.load."
            )
        like = self.models[0].parameters[0]
        errors = relative_errors(lambda points: self.function(points.to(like)), reference, self.problem, relative_to)
        return errors | function_errors(found_fields(self), reference, self.problem, relative_to)

    @overload
    def residual(self, **coordinates: Tensor) -> dict[str, Tensor]: ...
    @overload
    def residual(self, **coordinates: Numbers) -> dict[str, np.ndarray]: ...
    @overload
    def residual(self, **coordinates: Any) -> dict[str, Any]: ...
    def residual(self, **coordinates: Any) -> Any:
        """The equations' residuals at coordinates given by name, each with the broadcast shape; takes what a call takes."""
        if self.members is not None:
            return self._member(coordinates).residual(**coordinates)
        return at_coordinates(
            self, "residual", coordinates, lambda points: residuals_at(self.problem, self.models, points)
        )

    def on_grid(self, **sizes: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Axes and values over a tensor grid, in the domain's order, NaN outside; ``sizes``: points per coordinate (201)."""
        return on_grid(self, sizes)

    def characteristics(self, count: int = 17, times: int = 101) -> dict[str, np.ndarray]:
        """Paths of characteristics, of a solution on characteristics, ``LagrangianPINN()``; a TypeError of another kind.

        ``count`` labels per axis of space, from one side to the other, and about ``times`` instants give
        {"t": (times,), and each coordinate of space: (labels, times)}; positions go on beyond a periodic side.
        """
        return paths(self, count, times)

    def plot_characteristics(self, path: str | os.PathLike[str] | None = None, count: int = 33) -> Figure:
        """Paths of characteristics, ``count`` labels per axis of space, as a matplotlib figure, also written to ``path``."""
        from pinnlab.pictures.asked import characteristics_figure

        return characteristics_figure(self.characteristics(count), self.problem.name, path)

    def to_xarray(self, **sizes: int) -> Any:
        """The unknowns over a tensor grid as an ``xarray.Dataset``; ``sizes``: points per coordinate (201)."""
        return to_xarray(self, **sizes)

    def to_vtu(
        self, path: str | os.PathLike[str], t: float | Sequence[float] | None = None, **sizes: int
    ) -> tuple[Path, ...]:
        """Write the unknowns for ParaView: on a mesh its own nodes, on a box a grid, elsewhere triangles or tetrahedra.

        In time every instant is a file of its own, and a ``.pvd`` file next to them lists them.

        Args:
            path: the file, ending in ``.vtu``.
            t: one instant, written to ``path``, or several; 21 from start to end if None.
            sizes: points per coordinate of space, of domains that are no meshes.

        Returns:
            The files; of several instants, the ``.pvd`` file is the last.

        Raises:
            ImportError, ValueError: meshio is not installed; the path, times or sizes do not fit the problem.
        """
        return to_vtu(self, path, t, **sizes)

    def animate(self, path: str | os.PathLike[str], frames: int = 41, fps: int = 10) -> Path:
        """Write a moving picture of the unknowns in time: lines, or maps of the plane.

        Args:
            path: ends in ``.gif``, ``.mp4`` (needs ffmpeg) or ``.html``; or a folder, which gets the frames.
            frames, fps: instants, from the first time to the last, and how many a second.

        Raises:
            ValueError, RuntimeError: a problem without time or space, or another ending; ``.mp4`` without ffmpeg.
        """
        from pinnlab.pictures.animation import animate

        return animate(self, path, frames, fps)

    def compare(self, resolution: int | None = None, max_seconds: float = 60.0) -> Comparison:
        """Run the classical solver on the same problem: errors, the time of both; ``print`` it or ``.plot()`` it.

        Args:
            resolution: nodes per space axis of the classical solver; it chooses if None.
            max_seconds: of the classical solver; a ValueError where it cannot solve the problem, or not in time.
        """
        return compare(self, resolution, max_seconds)

    def report(self, estimate: str | Comparison | None = "auto", **options: Any) -> QualityReport:
        """Residuals, violations, an estimate of the error, a verdict; see ``solution.quality.report.asked_report``."""
        return asked_report(self, estimate, options)

    def plot(
        self,
        *unknowns: str | os.PathLike[str],
        path: str | os.PathLike[str] | None = None,
        streamlines: tuple[str, str] | None = None,
        **fixed: Any,
    ) -> Figure:
        """A matplotlib figure: the solution, its error where the problem has a reference, and the training.

        Where coordinates stand still, ``solution.plot(t=0.2)``, it is the cross-section there: a line over the coordinate
        that is left, or a map over two; several values, ``t=[0, 0.5, 1]``, are drawn together. In three
        dimensions it is the surface, with the nearest eighth taken out, and slices through the middle.

        Args:
            unknowns: which, and which functions that were found (with bands); all by default, a path may be among them.
            path: where to write it as well; the ending says as what. ``animate`` writes moving pictures.
            streamlines: two unknowns that are the components of a field in the plane, ``("u", "v")``; they are drawn over
                its size, in place of the unknowns where none is named.
            fixed: coordinates that stand still; of a family, its parameters too.

        Raises:
            TypeError, ValueError: an unknown name, a place outside the domain, too many coordinates left to draw.
        """
        # matplotlib takes a second to import; who draws nothing does not wait for it
        from pinnlab.pictures.asked import asked_figure

        if self.members is not None:
            return self._member(fixed).plot(*unknowns, path=path, streamlines=streamlines, **fixed)
        return asked_figure(self, unknowns, path, streamlines, fixed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the solution to a file of plain data; TypeError for experts over trained basis functions.

        The problem's functions are not in it; what they contribute is tabulated, and ``notes`` of the loaded solution
        say where that is not exact to rounding.
        """
        saving.save(self, path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        problem: Problem | None = None,
        *,
        network: nn.Module | None = None,
        device: str | torch.device = "cpu",
    ) -> Solution:
        """Read a solution that ``save`` wrote; nothing in the file is executed.

        Args:
            path: the file.
            problem: the problem that was solved, which ``error()``, ``residual()`` and ``compare()`` need.
            network: a module of the saved one's class and sizes, where that was your own.
            device: where the networks go.

        Raises:
            FileNotFoundError, ValueError: there is no such file; it is no saved solution, or not of this problem or network.
        """
        return cls(**vars(saving.load(path, problem, network, device)))
