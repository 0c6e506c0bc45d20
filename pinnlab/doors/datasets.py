"""Solutions of many members of a family: lives in ``pinnlab.reference.datasets``."""

from pinnlab.reference.datasets import *
