"""The documentation site: pages of `docs/`, and a reference that is generated from what the code says of itself."""
