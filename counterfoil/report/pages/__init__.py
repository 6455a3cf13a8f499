"""Set reports as pages and on paper."""
