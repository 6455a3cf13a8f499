"""Compute on tables: sorting, grouping, joining and order statistics."""
