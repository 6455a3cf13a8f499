"""Name the parties, their duties and keys, and how these change."""
