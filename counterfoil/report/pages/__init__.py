"""Lay out reports as pages and on paper."""
