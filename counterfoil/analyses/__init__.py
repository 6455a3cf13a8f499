"""The analyses that an agreement can name, by family; each states a formula, and what may leave is judged elsewhere."""
