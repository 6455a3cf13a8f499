"""Judge what may leave, on shares: tests of cells, suppression, rounding and noise. Knows no analysis."""

from typing import Final

DISCLOSURE: Final = "disclosure/2"
"""The tests of what may leave, and the order in which nodes make them."""
