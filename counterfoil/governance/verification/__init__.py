"""Verify from signed documents alone what happened, and bundle it for outsiders."""
