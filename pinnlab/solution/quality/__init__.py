"""Is a solution right: residuals, estimates of its error, and a verdict."""
