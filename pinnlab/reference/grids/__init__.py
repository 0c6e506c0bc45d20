"""Spectral collocation on tensor grids, steady and in time."""
