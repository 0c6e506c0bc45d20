"""Tests find the package ``scaled`` where the script that uses it finds it: in docs/benchmarks."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "docs" / "benchmarks"))
