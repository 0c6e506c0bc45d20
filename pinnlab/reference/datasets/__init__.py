"""Solutions of many members of a family: generated once and kept on disk, or read from PDEBench's files."""

from pinnlab.reference.datasets.dataset import Dataset, generate
from pinnlab.reference.datasets.pdebench import read_pdebench, write_pdebench

__all__ = ["Dataset", "generate", "read_pdebench", "write_pdebench"]
