"""Compute one table on shares from others: one operator a file, written once against `Protocol`."""
