"""Solution: what ``solve`` returns. It can be evaluated, measured, compared, plotted and saved.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import RELATIVE_TO, relative_errors
from pinnlab.domains import Box
from pinnlab.reference import reference_solution
from pinnlab.solution import saving
from pinnlab.solution.comparison import Comparison, compare
from pinnlab.solution.export import to_vtu, to_xarray
from pinnlab.solution.measures import residuals_at
from pinnlab.solution.quality import QualityReport, report
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.result import Members
from pinnlab.training.status import Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = float | Sequence[float] | np.ndarray
"""Coordinates that give NumPy arrays; tensors give tensors."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The unknowns as functions of the coordinates: ``solution(x=..., t=...) -> {"u": array}``.

    Attributes:
        problem: what was solved; of a solution loaded without it, what the file knows of it.
        function: (n, d) -> (n, m).
        models: its parts, one per time window or slab, in time order.
        history: records of the run.
        status: how the run ended, with advice.
        seconds: of the whole solve, planning included.
        solver: the configuration that was used.
        notes: remarks of the plan, such as why a condition is soft.
        members: finds the members of a family; None where a single instance was solved.
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

    @overload
    def __call__(self, **coordinates: Tensor) -> dict[str, Tensor]: ...
    @overload
    def __call__(self, **coordinates: Numbers) -> dict[str, np.ndarray]: ...
    @overload
    def __call__(self, **coordinates: Any) -> dict[str, Any]: ...
    def __call__(self, **coordinates: Any) -> Any:
        """Evaluate at coordinates given by name; shapes broadcast.

        Args:
            coordinates: numbers, arrays or tensors, one per coordinate of the domain. NumPy in gives NumPy out,
                tensors in give tensors out. Of a family, its parameters too: ``solution(x=..., t=..., a=0.1)``.

        Raises:
            TypeError: a coordinate is missing or unknown.
        """
        if self.members is not None:
            return self._member(coordinates)(**coordinates)
        return self._evaluated("solution", self._values, coordinates)

    def _values(self, points: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.problem.unknowns, self.function(points).unbind(1), strict=True))

    def _member(self, coordinates: dict[str, Any]) -> Solution:
        """The member whose parameters stand among the coordinates; they are taken out."""
        return self.at(**{name: coordinates.pop(name) for name in self.problem.families if name in coordinates})

    def _evaluated(
        self, owner: str, function: Callable[[Tensor], dict[str, Tensor]], coordinates: dict[str, Any]
    ) -> dict[str, Any]:
        """A function of points (n, d) at coordinates given by name: each of its (n,) gets their broadcast shape."""
        names = self.problem.domain.coordinates
        if set(coordinates) != set(names):
            raise TypeError(
                f"{owner}() got {', '.join(coordinates) or 'nothing'}; give exactly the coordinates {', '.join(names)}, "
                f"such as {owner}({', '.join(f'{n}=...' for n in names)})."
            )
        like = self.models[0].parameters[0].detach()
        given = (torch.as_tensor(coordinates[n], dtype=like.dtype, device=like.device) for n in names)
        columns = torch.broadcast_tensors(*given)
        points = torch.stack([c.reshape(-1) for c in columns], dim=1)
        found = {name: value.reshape(columns[0].shape) for name, value in function(points).items()}
        if any(isinstance(v, Tensor) for v in coordinates.values()):
            return found
        return {name: value.cpu().numpy() for name, value in found.items()}

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

        Its coefficients are solved for here, and may be with other settings than in training.

        Args:
            points: of the equations, per expert.
            steps: of the inner solver, at most.
            tolerance: of the inner solver.
            domain: another box, such as a longer time.
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
        problem, model, remarks = self.members.member(
            parameters, points=points, steps=steps, tolerance=tolerance, domain=domain
        )
        status = Status.STALLED if remarks else self.status
        return Solution(
            problem, model.values, [model], self.history, status, self.seconds, self.solver, (*self.notes, *remarks)
        )

    @property
    def coefficients(self) -> dict[str, float]:
        """Unknown coefficients that were found, from the last window."""
        return {name: float(p.detach()) for name, p in self.models[-1].coefficients.items()}

    def error(
        self, reference: Any = None, *, relative_to: str = "size", members: int = 8, seed: int = 0
    ) -> dict[str, float]:
        """Relative L2 error of each unknown over a fine grid of the whole domain.

        Of a family it is the mean over random members, each against ``problem.reference`` or, without one, the classical
        solution.

        Args:
            reference: a function of the coordinates, another solution, or a classical reference;
                ``problem.reference`` if None.
            relative_to: ``"size"``, the norm of the reference; or ``"variation"``, the norm of its distance from its
                mean, which an offset does not hide errors behind.
            members: how many of a family are drawn.
            seed: of the draw.

        Raises:
            ValueError: there is no reference; another word for ``relative_to``.
        """
        if relative_to not in RELATIVE_TO:
            raise ValueError(f"error(relative_to={relative_to!r}): choose {' or '.join(map(repr, RELATIVE_TO))}.")
        if self.members is not None:
            return self._mean_error(reference, relative_to, members, seed)
        reference = self.problem.reference if reference is None else reference
        if reference is None:
            raise ValueError(
                "error() has nothing to compare with: the problem has no reference; pass one, such as "
                "solution.error(pl.reference_solution(problem)), call solution.compare(), or, for a solution from a "
                "file, pass problem= to Solution.load."
            )
        like = self.models[0].parameters[0]
        return relative_errors(lambda points: self.function(points.to(like)), reference, self.problem, relative_to)

    def _mean_error(self, reference: Any, relative_to: str, members: int, seed: int) -> dict[str, float]:
        if reference is not None:
            raise ValueError(
                "error(reference) of a family: one reference cannot suit all members; leave it out, or take a member: "
                f"solution.at({self.problem.families[0]}=...).error(reference)."
            )
        rng, found = np.random.default_rng(seed), []
        for _ in range(members):
            problem = self.problem.sample(rng)
            values: dict[str, Any] = {name: problem.parameters[name] for name in self.problem.families}
            mine = self.at(**values)
            found.append(mine.error(problem.reference or reference_solution(problem), relative_to=relative_to))
        return {u: float(np.mean([f[u] for f in found])) for u in self.problem.unknowns}

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
        return self._evaluated("residual", lambda points: residuals_at(self.problem, self.models, points), coordinates)

    def on_grid(self, **sizes: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Axes and values over a tensor grid of the domain, in the order of its coordinates; NaN outside the domain.

        Args:
            sizes: points per coordinate; 201 where not given.
        """
        domain = self.problem.domain
        axes = {name: np.linspace(lo, hi, sizes.get(name, 201)) for name, (lo, hi) in domain.bounds.items()}
        mesh = np.meshgrid(*axes.values(), indexing="ij")
        values = self(**dict(zip(axes, mesh, strict=True)))
        if not isinstance(domain, Box):
            outside = ~domain.contains(torch.from_numpy(np.stack([m.reshape(-1) for m in mesh], axis=1))).numpy()
            values = {u: np.where(outside.reshape(mesh[0].shape), np.nan, v) for u, v in values.items()}
        return axes, values

    def characteristics(self, count: int = 17, times: int = 101) -> dict[str, np.ndarray]:
        """Paths of characteristics, of a solution on characteristics: ``LagrangianPINN()``.

        Args:
            count: labels per axis of space, from one side to the other.
            times: instants, about.

        Returns:
            {"t": (times,), and each coordinate of space: (labels, times)}; positions go on beyond a periodic side.

        Raises:
            TypeError: the solution is of another kind.
        """
        each = max(2, times // len(self.models) + 1) if len(self.models) > 1 else times
        windows: list[Mapping[str, Tensor]] = []
        for model in self.models:
            if model.flow is None:
                raise TypeError(
                    f"characteristics(): {type(self.solver).__name__} solves at fixed places and follows none; solve with "
                    "pl.LagrangianPINN()."
                )
            # labels are given anew in every window: a path goes on from where it was
            ends = (
                {name: w[..., -1] for name, w in windows[-1].items() if name != self.problem.domain.time}
                if windows
                else None
            )
            windows.append(model.flow.characteristics(count, each, ends))
        # a window's first instant is the last one of the window before
        found = {
            name: np.concatenate([w[name][..., min(k, 1) :].numpy() for k, w in enumerate(windows)], axis=-1)
            for name in windows[0]
        }
        instants = found[self.problem.domain.clock]
        return {name: path[..., ::-1] for name, path in found.items()} if instants[0] > instants[-1] else found

    def plot_characteristics(self, path: str | os.PathLike[str] | None = None, count: int = 33) -> Figure:
        """Paths of characteristics as a matplotlib figure: position over time, or in the plane.

        Args:
            path: where to write it as well; the ending says as what.
            count: labels per axis of space.

        Raises:
            TypeError: the solution is not on characteristics.
        """
        from pinnlab.pictures import figures as plotting

        figure = plotting.plot_characteristics(self.characteristics(count), self.problem.name)
        if path is not None:
            plotting.save(figure, path)
        return figure

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
            ImportError: meshio is not installed.
            ValueError: the path, times or sizes do not fit the problem.
        """
        return to_vtu(self, path, t, **sizes)

    def animate(self, path: str | os.PathLike[str], frames: int = 41, fps: int = 10) -> Path:
        """Write a moving picture of the unknowns in time: lines, or maps of the plane.

        Args:
            path: ends in ``.gif``, ``.mp4`` (needs ffmpeg) or ``.html``; or a folder, which gets the frames.
            frames: instants, from the first time to the last.
            fps: frames per second.

        Raises:
            ValueError: a problem without time or space, or another ending.
            RuntimeError: ``.mp4`` without ffmpeg.
        """
        from pinnlab.pictures.animation import animate

        return animate(self, path, frames, fps)

    def compare(self, resolution: int | None = None, max_seconds: float = 60.0) -> Comparison:
        """Run the classical solver on the same problem: errors, the time of both; ``print`` it or ``.plot()`` it.

        Args:
            resolution: nodes per space axis of the classical solver; it chooses if None.
            max_seconds: of the classical solver; it starts no refinement that would end later.

        Raises:
            ValueError: the classical solver cannot solve this problem, or not in time.
        """
        return compare(self, resolution, max_seconds)

    def report(self, estimate: str | Comparison | None = "auto", **options: Any) -> QualityReport:
        """Residuals, violations of conditions, an estimate of the error and a verdict; see ``solution.quality.report``."""
        return report(self, estimate, **options)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """The solution, its error where the problem has a reference, and the training, as a matplotlib figure.

        Args:
            path: where to write it as well; the ending says as what. ``animate`` writes moving pictures.
        """
        # matplotlib takes a second to import; who draws nothing does not wait for it
        from pinnlab.pictures import figures as plotting

        figure = plotting.plot_solution(self)
        if path is not None:
            plotting.save(figure, path)
        return figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the solution to a file of plain data: networks, exact conditions, history.

        The problem's functions are not in it; what they contribute is tabulated, and ``notes`` of the loaded solution
        say where that is not exact to rounding.

        Raises:
            TypeError: a kind of solution that has no file form, such as that of a family.
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
            FileNotFoundError: there is no such file.
            ValueError: it is no saved solution, or not of this problem or network.
        """
        return cls(**vars(saving.load(path, problem, network, device)))
