"""Compute jointly on secret shares: the protocol suites, and the circuits that run on them."""
