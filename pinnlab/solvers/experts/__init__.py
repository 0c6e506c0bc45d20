"""Families: a network gives basis functions, experts solve for their coefficients."""
