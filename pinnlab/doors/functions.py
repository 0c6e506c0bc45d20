"""Parameters that are functions: lives in ``pinnlab.declaration.functions``."""

from pinnlab.declaration.functions import *
