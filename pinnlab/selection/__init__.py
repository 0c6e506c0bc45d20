"""Learning which interface conditions suit which member of a family: a bandit around ``solve``."""

from pinnlab.selection.arms import interface_arms
from pinnlab.selection.preference import Preference
from pinnlab.selection.selector import InterfaceSelector
from pinnlab.selection.trials import Trial

__all__ = ["InterfaceSelector", "Preference", "Trial", "interface_arms"]
