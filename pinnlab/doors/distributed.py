"""The processes of torchrun: lives in ``pinnlab.machine.distributed``."""

from pinnlab.machine.distributed import *
