"""State what may leave: disclosure rules and differential privacy."""
