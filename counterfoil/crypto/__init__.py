"""Keys, signatures and sealed envelopes."""
