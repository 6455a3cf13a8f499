"""The protocol suites behind the one interface that circuits know."""
