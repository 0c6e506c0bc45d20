"""Families of few numbers: members solved at nodes of the parameters, and a polynomial through them."""
