"""Leave at the owner what no planned analysis needs."""
