"""Terms: lives in ``pinnlab.declaration.terms``."""

from pinnlab.declaration.terms import *
