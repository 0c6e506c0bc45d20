"""What conditions may refer to: lives in ``pinnlab.declaration.terms``."""

from pinnlab.declaration.terms import *
