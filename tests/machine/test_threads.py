"""Limits of threads hold for every BLAS, whenever its library is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

BLAS = """
import json
import pinnlab
import scipy
from threadpoolctl import threadpool_info
from pinnlab.machine.threads import limited_threads
with limited_threads(1):
    scipy.linalg.eigvals([[1.0]])
    print(json.dumps([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]))
"""


def test_scipys_blas_is_limited_though_it_is_loaded_late() -> None:
    run = subprocess.run(
        [sys.executable, "-c", BLAS], capture_output=True, text=True, timeout=120, env={"OPENBLAS_NUM_THREADS": "2"}
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found and set(found) == {1}
