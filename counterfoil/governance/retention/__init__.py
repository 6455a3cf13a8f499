"""Erase what may not be kept, and recover what was lost."""
