"""Parameters that are functions: lives in ``pinnlab.declaration.parameters.functions``."""

from pinnlab.declaration.parameters.functions import *
