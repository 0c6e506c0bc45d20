"""What is minimized and the one loop that does it: models, residuals, weighting, checkpoints, history."""
