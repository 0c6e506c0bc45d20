"""A declaration in other variables."""
