"""Review a draft while it is shared: decisions and the airlock."""
