"""Compute on fixed-point numbers: quotients, roots and elementary functions."""
