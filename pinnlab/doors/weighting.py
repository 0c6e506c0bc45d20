"""How residuals are weighted: lives in ``pinnlab.training.weighting``."""

from pinnlab.training.weighting import *
