"""Levenberg's and Marquardt's method for a few parameters whose residuals take long: one trial at a time.

Letters: N residuals, p parameters.
"""

from __future__ import annotations

import numpy as np
import scipy

Array = np.ndarray
_FIRST, _LEAST, _MOST = 1e-3, 1e-12, 1e8
_SHORT = 1e-10
"""Relative step from which on steps are rounding."""
_OTHER = 0.2
"""Relative difference of a proposal from one that was refused."""


class Fit:
    """The state of a fit: ask ``propose`` for parameters, compute what they give, and tell ``take`` or ``refuse``.

    Source: Marquardt, J. SIAM 11 (1963); the gain ratio of Nielsen, IMM-REP-1999-05.

    Args:
        at: (p,) parameters.
        residuals: (N,) there.
        jacobian: (N, p) there.
        longest: (2, p) of a step, back and ahead.
    """

    def __init__(self, at: Array, residuals: Array, jacobian: Array, longest: Array):
        self.at, self.residuals, self.jacobian, self.longest = at, residuals, jacobian, longest
        self.damping, self._growth = _FIRST, 4.0
        self._step = np.zeros_like(at)

    @property
    def square(self) -> float:
        """The sum of squares of the residuals."""
        return float(self.residuals @ self.residuals)

    def propose(self) -> Array:
        """(p,) the next parameters to try."""
        scale = np.linalg.norm(self.jacobian, axis=0)
        scale = np.maximum(scale, 1e-8 * max(float(scale.max(initial=0.0)), 1e-300))
        matrix = np.vstack([self.jacobian / scale, np.sqrt(self.damping) * np.eye(len(scale))])
        right = np.concatenate([-self.residuals, np.zeros(len(scale))])
        self._step = np.linalg.lstsq(matrix, right, rcond=1e-12)[0] / scale
        back, ahead = self.longest
        if bool(((self._step < -back) | (self._step > ahead)).any()):
            # the best step within the box: parameters that may move no further leave the others to make up for it
            box = -back * scale, ahead * scale
            self._step = scipy.optimize.lsq_linear(matrix, right, box, method="bvls").x / scale
        return self.at + self._step

    @property
    def promised(self) -> float:
        """By how much the sum of squares would fall along the last proposal if residuals were linear."""
        along = self.residuals + self.jacobian @ self._step
        return self.square - float(along @ along)

    @property
    def stuck(self) -> bool:
        """Whether the last proposal was too short, or damped too much, to lead anywhere."""
        tiny = np.abs(self._step) <= _SHORT * np.maximum(np.abs(self.at), 1.0)
        return bool(tiny.all()) or self.damping > _MOST

    def improves(self, residuals: Array) -> bool:
        """Whether the last proposal's residuals (N,) are smaller."""
        return bool(np.isfinite(residuals).all()) and float(residuals @ residuals) < self.square

    def take(self, residuals: Array, jacobian: Array) -> None:
        """Move to the last proposal."""
        promised = self.promised
        gain = (self.square - float(residuals @ residuals)) / promised if promised > 0 else 1.0
        self.at = self.at + self._step
        self.residuals, self.jacobian = residuals, jacobian
        self.damping = max(_LEAST, self.damping * max(0.1, 1 - (2 * gain - 1) ** 3))
        self._growth = 4.0

    def refuse(self) -> None:
        """Stay, and propose less far: damp until the next proposal is another than this one."""
        refused = self._step
        while not self.damping > _MOST:
            self.damping *= self._growth
            self._growth *= 2
            self.propose()
            if np.linalg.norm(self._step - refused) > _OTHER * np.linalg.norm(refused):
                break
