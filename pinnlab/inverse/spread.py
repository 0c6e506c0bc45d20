"""How sure fitted numbers are: covariance, profiles, and what the data do not tell.

Letters: N measurements and priors, p numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from pinnlab.algebra.combinations import sparse
from pinnlab.algebra.confidence import Covariance, covariance, involved, lag_correlation, profile_in_box, too_large
from pinnlab.algebra.robust import clipped
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.inverse.measured import Measured, Noise
from pinnlab.inverse.responses import Response, Responses, UnsolvedError
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.training.told import CURVED, PRODUCT, SUM
from pinnlab.training.uncertainty import Uncertainty

Array = np.ndarray
TRACE = 1e-4
"""Length of the derivatives of whitened residuals by a free variable up to which a number leaves no trace in the data."""
_BENT = 0.1
"""Relative difference of a deviance from that of a parabola, at two deviations, from which on profiles are computed."""
_SURELY = 0.5
"""Share of that below which one side tells of the other."""
_AT = (-1.0, 1.0, -2.0, 2.0, -3.0, 3.0)
"""Where a profile is computed, in standard deviations, one after the other."""
_WIDE = 1.0
"""The largest deviation of the logarithm of a number, or its logit, that is a step of a profile."""
_EXCLUDED = 2.0
"""Signed root of the deviance from which on data exclude a number, about."""
_ROUGH, _FAR, _HALVINGS = 1.2, 4.0, 3
"""Steps of the deviance that are halved, below which size of it, and how often."""
_STEEPEST = 5.0
"""Exponent of a power law by which one number follows another."""
_INNER, _GAINED = 8, 0.02
"""Most Gauss-Newton steps over the other numbers at each of these, and the decrease below which a step is the last."""
_SHARES = (1.0, 0.3, 0.1)
"""Of a step, tried one after the other."""
_NOTHING = 1e-5
"""Relative change of data that is none."""
_SAME = 1e-3
"""Relative change of data along a path that is meant to leave them as they are."""
_ALONG = 0.3
"""Relative change along a direction that data do not tell."""
_AGREE = 4.0
"""Deviations of the correlation of neighbours from which on what is left of data is no noise."""
_TOGETHER = 0.3
"""The least correlation that is told."""
_FEWEST = 10
"""Measurements whose scatter tells anything."""
_OUTLYING = 5.0


def spread_of(
    responses: Responses, noise: Noise, best: Response, jacobian: list[Array], deadline: Deadline
) -> Uncertainty:
    """What the data tell of the numbers of a fit.

    Args:
        responses: solutions for other numbers.
        noise: of the measurements.
        best: the fit.
        jacobian: (n, p) per quantity, the derivatives of misfits by the free variables.
        deadline: after it, what asks for more solutions is left out.
    """
    p, known = len(best.at), responses.priors(best.at)[1]
    curved, scattered, ratio = noise.curvature(jacobian, best.left)
    rows, spread = np.concatenate([curved, known]), np.concatenate([scattered, known])
    freedom = math.inf if noise.known else float(len(rows) - p)
    held = _held(responses, best, rows, noise)
    inner = [i for i in range(p) if responses.names[i] not in held]
    found = covariance(rows[:, inner], least=TRACE) if inner else Covariance(np.zeros((0, 0)), np.zeros((0, 0)))
    matrix, blind = np.zeros((p, p)), np.zeros((len(found.blind), p))
    matrix[np.ix_(inner, inner)] = found.matrix
    if noise.robust:
        product = spread[:, inner] @ found.matrix
        matrix[np.ix_(inner, inner)] = product.T @ product
    blind[:, inner] = sparse(found.blind)
    notes = _remarks(noise, best, p)
    if freedom <= 0:
        matrix = matrix + np.diag(np.full(p, np.inf))
        notes.insert(0, "there are no more measurements than numbers, so that the noise cannot be estimated: give sd=")
    whole = Covariance(matrix, blind)
    paths: list[str] = []
    profiles: dict[str, tuple[Array, Array]] = {}
    try:
        for direction in blind:
            paths.append(_path(responses, best, direction, deadline))
        if held and not len(blind) and freedom > 0:
            profiles = _beside_held(responses, noise, best, rows, held)
        elif not len(blind) and freedom > 0 and not noise.rounding:
            slopes = np.concatenate([noise.rows(jacobian, best.left), known])
            profiles, ends = _profiles(responses, noise, best, slopes, whole, ratio, deadline)
            notes += ends
    except UnsolvedError:
        paths += [CURVED] * (len(blind) - len(paths))
    except TimeIsUpError:
        paths += [CURVED] * (len(blind) - len(paths))
        if not len(blind):
            notes.append(
                "there was no time to see whether the sum of squares is a parabola; the intervals are those of one"
            )
    return Uncertainty(
        responses.names, best.at, responses.frees, whole, freedom, tuple(paths), profiles, held, tuple(notes)
    )


def doubts(noise: Noise, left: list[Array]) -> bool:
    """Whether what is left of measurements is larger than their noise, or hangs together: perhaps another minimum."""
    for group, misfit, sd, given in zip(noise.groups, left, noise.deviations, noise.given, strict=True):
        white = _seen(group, misfit / sd)
        if given and too_large(float(white @ white), len(white), 1e-6):
            return True
        if not noise.rounding and _hangs_together(group, white):
            return True
    return False


def _seen(group: Measured, white: Array) -> Array:
    """Misfits as they count: those of robust measurements are cut off."""
    return clipped(white) if group.robust else white


def far_off(noise: Noise, left: list[Array]) -> list[str]:
    """How many robust measurements lie far off, in sentences."""
    found = []
    for group, misfit, sd in zip(noise.groups, left, noise.deviations, strict=True):
        size = np.abs(misfit / sd)
        count, most = int((size > _OUTLYING).sum()), int(np.argmax(size))
        if group.robust and count:
            found.append(
                f"{group.label}: {count} of {len(size)} measurements lie far off, number {most} most, by {size[most]:.2g} "
                "times the noise; they count less (robust=True)"
            )
    return found


def _hangs_together(group: Measured, white: Array) -> float:
    """The correlation of neighbours along the first coordinates, where it is more than chance; else zero."""
    if len(white) < _FEWEST:
        return 0.0
    found = lag_correlation(white[np.lexsort(group.site.points.numpy().T[::-1])])
    return found if found > max(_AGREE / math.sqrt(len(white)), _TOGETHER) else 0.0


def _held(responses: Responses, best: Response, rows: Array, noise: Noise) -> dict[str, tuple[float, float]]:
    """{name: (centre, deviation)} of numbers at a bound beyond which the data want them."""
    at_bound = []
    for i, (name, free) in enumerate(zip(responses.names, responses.frees, strict=True)):
        if free.bound_near(best.numbers[name]) is not None:
            at_bound.append(i)
    if not at_bound:
        return {}
    slopes = np.array([max(abs(f.slope(float(z))), 1e-300) for f, z in zip(responses.frees, best.at, strict=True)])
    straight = covariance(rows / slopes)
    left = np.concatenate([noise.whitened(best.left), responses.priors(best.at)[0]])
    step = -straight.matrix @ ((rows / slopes).T @ left)
    deviations = straight.deviations
    found = {}
    for i in at_bound:
        name, free = responses.names[i], responses.frees[i]
        number, bound = best.numbers[name], free.bound_near(best.numbers[name])
        assert bound is not None
        outwards = step[i] < 0 if bound == free.low else step[i] > 0
        # a positive number that is small is no number at its bound
        if outwards or abs(number - bound) < deviations[i]:
            found[name] = (number + float(step[i]), float(deviations[i]))
    return found


def _beside_held(
    responses: Responses, noise: Noise, best: Response, rows: Array, held: Mapping[str, object]
) -> dict[str, tuple[Array, Array]]:
    """Profiles of the other numbers where some are at a bound, which these may leave again; by linear least squares."""
    slopes = np.array([max(abs(f.slope(float(z))), 1e-300) for f, z in zip(responses.frees, best.at, strict=True)])
    numbers = np.array([best.numbers[name] for name in responses.names])
    straight = rows / slopes
    left = np.concatenate([noise.whitened(best.left), responses.priors(best.at)[0]])
    box = np.array([[f.low, f.high] for f in responses.frees]) - numbers[:, None]
    deviations, found = covariance(straight).deviations, {}
    for i, (name, free) in enumerate(zip(responses.names, responses.frees, strict=True)):
        if name in held or not math.isfinite(deviations[i]):
            continue
        steps, deviances = profile_in_box(straight, left, box, i, float(deviations[i]))
        inside = (numbers[i] + steps > free.low) & (numbers[i] + steps < free.high)
        z = [free.free(float(numbers[i] + step)) - float(best.at[i]) for step in steps[inside]]
        found[name] = (np.array(z), deviances[inside])
    return found


def _remarks(noise: Noise, best: Response, p: int) -> list[str]:
    """What is odd about what is left of the measurements."""
    found = []
    for group, left, sd, given in zip(noise.groups, best.left, noise.deviations, noise.given, strict=True):
        n, white = len(left), _seen(group, left / sd)
        if given and too_large(float(white @ white), n - p * n / sum(map(len, best.left))):
            size = math.sqrt(float(white @ white) / n)
            found.append(
                f"{group.label}: the misfit is {size:.2g} times the noise that was given; the model or the data are wrong, "
                "or the noise is larger, and intervals are not to be trusted"
            )
        if noise.rounding:
            continue
        together = _hangs_together(group, white)
        if together:
            found.append(
                f"{group.label}: what is left is no independent noise, its neighbours are correlated by {together:.2f}; the "
                "model lacks something, or intervals are too short"
            )
        spread = float(np.median(np.abs(white))) * 1.4826
        far: Array = (
            np.flatnonzero(np.abs(white) > max(_OUTLYING * spread, _OUTLYING if given else 0.0))
            if n >= _FEWEST
            else np.array([])
        )
        if 0 < len(far) <= 0.1 * n:
            i = int(far[np.argmax(np.abs(white[far]))])
            found.append(
                f"{group.label}: {len(far)} of {n} measurements lie far off, number {i} most, by "
                f"{abs(white[i]) / spread:.2g} times the noise of the others; leave out what is wrong"
            )
    return found


def _path(responses: Responses, best: Response, direction: Array, deadline: Deadline) -> str:
    """Along what data stay that do not tell a direction: sums, products, or something else."""
    chosen = np.flatnonzero(involved(direction))
    numbers = np.array([best.numbers[name] for name in responses.names])
    slopes = np.array([f.slope(float(z)) for f, z in zip(responses.frees, best.at, strict=True)]) * direction
    if len(chosen) < 2 or not numbers[chosen].all():
        return SUM
    relative = np.zeros_like(numbers)
    relative[chosen] = slopes[chosen] / numbers[chosen]
    relative *= _ALONG / np.abs(relative).max()
    changes = []
    for path in (numbers * (1 + relative), numbers * np.exp(relative)):
        inside = all(f.low < v < f.high for f, v in zip(responses.frees, path, strict=True))
        if not inside:
            changes.append(math.inf)
            continue
        z = np.array([f.free(float(v)) for f, v in zip(responses.frees, path, strict=True)])
        other = responses.at(z, deadline)
        changes.append(sum(float(((a - b) ** 2).sum()) for a, b in zip(other.left, best.left, strict=True)))
    squares = sum(len(left) * size**2 for left, size in zip(best.left, responses.sizes, strict=True))
    # where both leave data as they are, a ratio is more natural than a difference that is zero
    product = math.isfinite(changes[1]) and changes[1] < max(changes[0], _NOTHING**2 * squares)
    if len(chosen) > 2 and min(changes) > _SAME**2 * squares:
        return CURVED
    return PRODUCT if product else SUM


def _profiles(
    responses: Responses,
    noise: Noise,
    best: Response,
    slopes: Array,
    whole: Covariance,
    ratio: float,
    deadline: Deadline,
) -> tuple[dict[str, tuple[Array, Array]], list[str]]:
    """Profiles of the numbers whose sum of squares is no parabola, see ``Uncertainty``, and where they end too early.

    A robust loss rises by less than a sum of squares does, and its gradient scatters less: deviances are divided by the
    ratio of the two.

    Args:
        slopes: (N, p) derivatives of whitened residuals at the best fit.
    """

    def residuals(response: Response) -> Array:
        return np.concatenate([noise.whitened(response.left), responses.priors(response.at)[0]])

    def square(response: Response) -> float:
        return float(residuals(response) @ residuals(response))

    least = square(best)

    def root(left: Array) -> float:
        return math.sqrt(max(float(left @ left) - least, 0.0) / ratio)

    def straight(step: Array) -> bool:
        """Whether the sum of squares is a parabola a step of two deviations ahead and behind."""
        off = _BENT * 2
        try:
            ahead = residuals(responses.at(best.at + step, deadline))
        except UnsolvedError:
            return False
        # of residuals, what the slopes do not tell is the same on both sides, but for terms of third order
        wide = [abs(root(left) - 2) for left in (ahead, ahead - 2 * slopes @ step)]
        if wide[0] > off:
            return False
        bend = float(np.linalg.norm(ahead - residuals(best) - slopes @ step)) / math.sqrt(ratio)
        if bend < off and max(wide) < _SURELY * off:
            return True
        try:
            return abs(root(residuals(responses.at(best.at - step, deadline))) - 2) < off
        except UnsolvedError:
            return False

    def better(response: Response, step: Array) -> Response | None:
        """The solution a step on, or a part of it, where it is better; none where there is none."""
        for share in _SHARES:
            try:
                trial = responses.at(response.at + share * step, deadline)
            except UnsolvedError:
                continue
            if square(trial) < square(response):
                return trial
        return None

    def deviance(z: Array, held: int) -> tuple[float, Array]:
        """The root of what the best fit with one free variable held is worse, from a first guess of the others; and where.

        It is infinite where there is no solution.
        """
        try:
            response, free = responses.at(z, deadline), [j for j in range(len(z)) if j != held]
        except UnsolvedError:
            return math.inf, z
        lower = 0.0
        for _ in range(_INNER if free else 0):
            jacobian = noise.rows(responses.jacobian(response, deadline, free), response.left)
            rows, left = np.concatenate([jacobian, responses.priors(response.at)[1][:, free]]), residuals(response)
            step = np.zeros_like(z)
            step[free] = -np.linalg.lstsq(rows, left, rcond=1e-10)[0]
            lower = float(left @ left - ((left + rows @ step[free]) ** 2).sum())
            if lower < _GAINED:
                break
            far = float(np.abs(step).max()) / _WIDE
            lower, trial = 0.0, better(response, step / max(1.0, far))
            if trial is None:
                break
            gained, response = square(response) - square(trial), trial
            # at its bound a number moves nothing yet that it will move later
            if gained < _GAINED and far <= 1:
                break
        return math.sqrt(max(square(response) - lower - least, 0.0) / ratio), response.at

    found, ends = {}, []
    for i, name in enumerate(responses.names):
        variance = whole.matrix[i, i]
        if not 0 < variance < math.inf:
            continue
        deviation, line = math.sqrt(variance), _line(responses.frees, whole.matrix[:, i] / variance, i)
        if not responses.frees[i].plain:
            deviation = min(deviation, _WIDE)
        if deviation < _WIDE and straight(2 * deviation * line):
            continue
        known, places, wanted = {0.0: 0.0}, {0.0: best.at}, list(_AT)
        for _ in range(1 + _HALVINGS):
            for k in wanted:
                size, places[k] = deviance(_guess(places, k, deviation * line), i)
                known[k] = math.copysign(size, k)
            ordered = sorted(known)
            wanted = [
                (a + b) / 2
                for a, b in itertools.pairwise(ordered)
                if abs(known[b] - known[a]) > _ROUGH and min(abs(known[a]), abs(known[b])) < _FAR
            ]
        solved = [k for k in ordered if math.isfinite(known[k])]
        found[name] = (deviation * np.array(solved), np.array([known[k] for k in solved]))
        for end in {solved[0], solved[-1]} - {ordered[0], ordered[-1]}:
            if abs(known[end]) < _EXCLUDED:
                last = responses.frees[i].number(float(best.at[i] + end * deviation))
                ends.append(
                    f"nothing could be solved for {name} beyond {last:.4g}, which data do not exclude; how far its interval "
                    "goes from there is a guess"
                )
    return found, ends


def _line(frees: Sequence[Free], line: Array, i: int) -> Array:
    """(p,) by how much free variables follow that of number i; logarithms by no more than the exponent of a power law."""
    logarithms = np.array([not free.plain for free in frees])
    return np.where(logarithms & logarithms[i], np.clip(line, -_STEEPEST, _STEEPEST), line)


def _guess(places: Mapping[float, Array], k: float, straight: Array) -> Array:
    """(p,) where a profile is likely to be after k steps, from where it is after others: its curve is followed.

    Args:
        places: {steps: (p,)}, that of none among them.
        k: steps.
        straight: (p,) a step at the best fit.
    """
    side = sorted((other for other in places if other * k >= 0), key=lambda other: abs(other - k))
    near, *more = side[:2]
    step = (places[near] - places[more[0]]) / (near - more[0]) if more else straight
    return places[near] + (k - near) * step
