"""Check a table against every rule of its contract."""
