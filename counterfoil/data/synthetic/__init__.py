"""Make tables that satisfy their contracts, from the contracts alone."""
