"""The experiments of the four papers as tables that can be made again: ``pinnlab reproduce``."""
