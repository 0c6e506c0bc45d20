"""The four papers, a file each with its experiments at their authors' settings and at sizes for two cores.

A file has ``EXPERIMENTS``, a tuple of ``pinnlab.bench.papers.experiment.Experiment``; it is found when it is asked for.
"""
