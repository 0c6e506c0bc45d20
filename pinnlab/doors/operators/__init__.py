"""Experts of families."""
