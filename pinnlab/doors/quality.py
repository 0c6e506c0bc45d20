"""The report on a solution: lives in ``pinnlab.solution.quality``."""

from pinnlab.solution.quality import *
