"""A peer's process, see ``launch``."""

import sys
from pathlib import Path

from pinnlab.bench.peers.launch import serve

serve(Path(sys.argv[1]))
