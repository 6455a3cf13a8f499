"""Profile an unknown file and draft its first contract."""
