"""What released tables are made of, what of them is judged together, and what is hidden with what."""
