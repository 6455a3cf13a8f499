"""Lead one job from submissions to the evidence of its nodes."""
