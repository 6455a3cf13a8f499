"""Sign agreements, and tell whether one is in force."""
