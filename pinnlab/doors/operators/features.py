"""Known functions of the coordinates as inputs of a network: lives in ``pinnlab.solvers.experts.features``."""

from pinnlab.solvers.experts.features import *
