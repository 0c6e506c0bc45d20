"""Other packages on the same problems: ``pinnlab bench burgers --solver trained --solver deepxde --solver pina``.

A peer trains the network that our own solver would train (as many layers and neurons, the same features, conditions
built in by the same transform), on as many points, in the same floating-point type, on one thread, for as long. It runs
in a process of its own, since peers keep global state. Nothing is written for a single problem: the problem's own
equation is evaluated on the derivatives that the peer computes.

To add one, write a module with

- ``PACKAGES``, the names of what it imports, and
- ``train(task, recorder) -> str``, which trains the ``Task`` until ``recorder.check(...)`` says that the time is up and
  returns its configuration in words,

name it in ``PEERS``, and its package in the extra ``benchmarks`` of ``pyproject.toml``. Import the package inside
functions. ``translation`` turns outputs and gradients of the peer into residuals of our equations.
"""

from pinnlab.bench.peers.launch import PEERS, is_peer, run_peer

__all__ = ["PEERS", "is_peer", "run_peer"]
