"""This computer and its neighbours: processes, threads, memory, files, CUDA graphs."""
