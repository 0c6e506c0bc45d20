"""Pictures of solutions, also moving ones."""
