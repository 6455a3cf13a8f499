"""Describe a table: data contracts by ODCS v3.1, column by column."""
