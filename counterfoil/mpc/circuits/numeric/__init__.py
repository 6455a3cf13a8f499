"""Circuits on fixed-point numbers: quotients, roots and elementary functions."""
