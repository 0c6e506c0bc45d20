"""Interface conditions: lives in ``pinnlab.solvers.multidomain.interfaces``."""

from pinnlab.solvers.multidomain.interfaces import *
