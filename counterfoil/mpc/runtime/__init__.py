"""Run one party of an attempt: keys, keystreams, opened values and barriers."""
