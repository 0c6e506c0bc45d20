"""Solution operators of families: networks that map a member's data to basis functions."""
