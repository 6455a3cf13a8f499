"""Compute with shares of ring elements locally: shapes, lanes and compiled kernels."""
