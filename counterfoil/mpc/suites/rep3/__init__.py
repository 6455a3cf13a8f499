"""Compute among three parties with replicated shares, at most one of them curious (suite rep3-sh/1)."""

from counterfoil.mpc.suites.rep3.protocol import Rep3

__all__ = ["Rep3"]
