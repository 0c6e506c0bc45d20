"""Conditions: lives in ``pinnlab.declaration.conditions``."""

from pinnlab.declaration.conditions import *
