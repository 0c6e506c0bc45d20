"""Tests find the package ``stacked`` where the scripts that use it find it: in docs/benchmarks."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "docs" / "benchmarks"))
