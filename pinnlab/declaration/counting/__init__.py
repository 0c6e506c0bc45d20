"""How many conditions a problem needs."""
