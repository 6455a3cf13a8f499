"""Read contracts that others wrote by the Open Data Contract Standard."""
