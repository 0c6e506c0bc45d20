"""Periodic problems in Fourier coefficients."""
