"""Begin an attempt: agree on what is computed, derive fresh keys, resume from compared steps."""
