"""Release an approved draft to its recipients, announce it, revoke it, and keep its status."""
