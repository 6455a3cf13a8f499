"""Understand a query: names, types, bounds, and which relations it is made of."""

from counterfoil.relations.bind.queries import bind

__all__ = ["bind"]
