"""Problems in two systems of units each, and how solvers do on both."""

from collections.abc import Callable

from scaled import heat, mechanics, practice, rates
from scaled.pair import Pair

PAIRS: dict[str, Callable[[], Pair]] = {
    f.__name__: f
    for f in (
        heat.rod, heat.convection, mechanics.beam, mechanics.moments, mechanics.channel, mechanics.plate,
        mechanics.stresses, rates.epidemic, rates.outbreak, rates.kinetics, rates.double_layer, rates.junction,
        mechanics.sound, heat.dopant, rates.climate, heat.bar, heat.drift, practice.battery, practice.reservoir,
        practice.nerve, practice.earthquake, practice.artery, practice.orbit, practice.reactor, practice.glacier,
    )
}  # fmt: skip
