"""The processes of one solve: lives in ``pinnlab.machine.processes``."""

from pinnlab.machine.processes import *
