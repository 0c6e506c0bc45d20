"""One instance solved by many small experts, cell by cell and slab by slab; nothing is trained."""
