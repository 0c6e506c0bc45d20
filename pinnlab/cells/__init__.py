"""Experts that solve one instance without training: cells with local basis functions, marched through time slabs."""
