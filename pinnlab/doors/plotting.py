"""Pictures: lives in ``pinnlab.pictures.figures``."""

from pinnlab.pictures.figures import *
from pinnlab.pictures.panels import *
