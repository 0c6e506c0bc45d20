"""Solve on characteristics: labels that move with the flow, and the view from fixed places."""
