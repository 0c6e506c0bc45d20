"""Tests find the package ``trap`` where the script that uses it finds it: in docs/benchmarks."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "docs" / "benchmarks"))
