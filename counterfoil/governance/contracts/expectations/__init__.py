"""Expectations of Great Expectations that a contract declares: by name and typed arguments, never as code."""
