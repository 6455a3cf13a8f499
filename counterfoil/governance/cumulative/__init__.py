"""Add up over releases: privacy budgets and the history of what was released."""
