"""Compute tables that exist in shares alone: a query in SQL, planned in the open, and run by operators on shares."""
