"""Several models as one: lives in ``pinnlab.solvers.multidomain.model``."""

from pinnlab.solvers.multidomain.model import *
