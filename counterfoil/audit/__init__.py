"""Append to a party's log, publish and witness it, and verify it without trusting that party."""
