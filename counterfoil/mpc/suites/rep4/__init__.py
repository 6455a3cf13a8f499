"""Compute among four parties, at most one of them malicious: right or aborted (suite rep4-mal/1)."""

from counterfoil.mpc.suites.rep4.protocol import Rep4

__all__ = ["Rep4"]
