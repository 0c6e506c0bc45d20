"""The benchmark problems: in a source tree they live in ``problems/`` at its top, an installed package holds them here."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

__file__ = str(Path(__file__).resolve().parents[2] / "problems" / "__init__.py")
__path__ = [str(Path(__file__).parent)]

if TYPE_CHECKING:  # type checkers do not follow the path

    def __getattr__(name: str) -> ModuleType: ...
