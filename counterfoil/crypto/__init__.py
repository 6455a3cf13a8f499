"""Sign, seal and encrypt, and keep the keys for it."""
