"""The report on a solution: lives in ``pinnlab.solution.quality.report``."""

from pinnlab.solution.quality.report import *
