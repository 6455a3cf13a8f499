"""Analyses that release what a public program decides about secret numbers."""
