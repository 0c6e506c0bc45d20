"""In which units a problem is solved."""
