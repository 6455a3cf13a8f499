"""Compute on words: addition of bits, comparison, conversion, truncation, rounding and noise."""
