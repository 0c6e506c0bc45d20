"""Finite elements on any region, from the problem's own pointwise equations."""
