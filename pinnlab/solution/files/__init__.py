"""Solutions as files and as data of other libraries."""
