"""Compute at one party that sees everything: the reference for tests, and design mode."""

from counterfoil.mpc.suites.plain.cost import Call, Cost, price
from counterfoil.mpc.suites.plain.protocol import Plain

__all__ = ["Call", "Cost", "Plain", "price"]
