"""Agree on analyses: what is computed on whose columns, for whom, and when."""
