"""Linear algebra and least squares, dense and in blocks. Knows nothing of differential equations."""
