"""Analyses that conclude from sums over rows."""
