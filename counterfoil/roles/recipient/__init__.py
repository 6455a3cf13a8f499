"""What a recipient does: count the approvals, compare all copies, open, and report."""
