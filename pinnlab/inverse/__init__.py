"""Numbers found from data: what was measured, how a solution answers to numbers, their fit, and how sure they are."""
