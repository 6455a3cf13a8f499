"""Analyses that release what is read off an order of values: places, and no values."""
