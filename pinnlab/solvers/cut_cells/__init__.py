"""Local experts on cells that any boundary cuts: steady problems on regions of two and three dimensions."""
