"""What a node does: take submissions in, compute, keep a draft, hand it over."""
