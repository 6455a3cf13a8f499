"""Judge what may leave, on shares: tests of cells, suppression, rounding, noise and differencing. Knows no analysis."""
