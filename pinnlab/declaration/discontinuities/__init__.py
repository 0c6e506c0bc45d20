"""Where given functions and coefficients jump or have kinks, and what is continuous there."""
