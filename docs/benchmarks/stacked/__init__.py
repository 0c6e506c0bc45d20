"""Many small multi-domain networks trained at once: the members of a family, stacked into one batch.

A network of a few hundred parameters leaves a processor idle between the calls of a framework. The members of a family
share everything but their parameters' values, so that one call can serve all of them.
"""
