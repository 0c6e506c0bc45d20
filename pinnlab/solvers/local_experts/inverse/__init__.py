"""Functions and numbers that are sought beside the unknowns of cells, with regularization that the data choose."""
