"""What a founder does: say who may have which role, and draft every paper that the parties complete and sign."""
