"""What was agreed, by whom, and what therefore may happen. Knows no analysis and no protocol."""
