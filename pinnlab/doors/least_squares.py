"""Many small least-squares problems at once: lives in ``pinnlab.algebra.least_squares``."""

from pinnlab.algebra.least_squares import *
