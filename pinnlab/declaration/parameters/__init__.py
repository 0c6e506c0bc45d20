"""What stands in equations beside unknowns: numbers, families, functions, materials, and what is to be found."""
