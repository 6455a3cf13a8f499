"""Publish which owner has which data, by schemas and rough sizes alone."""
