"""Each party's own append-only log, and how anybody checks it without trusting that party."""
