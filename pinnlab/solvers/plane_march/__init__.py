"""Local experts of the plane (and of space) with time: polynomials in time, whose values are experts on cells of space."""
