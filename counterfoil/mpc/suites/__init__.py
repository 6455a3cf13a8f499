"""Implement the protocol suites behind the one interface that circuits know."""
