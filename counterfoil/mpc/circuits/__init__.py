"""Compute on shares beyond sums and products. Circuits know `protocol` and `shares`, and no suite.

Every function takes this party's `Protocol` first, is collective (all parties call it with the same public arguments),
and refuses bad shapes and unsafe ranges before anything is sent. Costs are stated per element as bytes over all links,
`rep3 / rep4`, for row counts that fill their packed words; digests of rep4 are not counted (PROTOCOLS 12).
"""

from typing import Final

CIRCUITS: Final = "mpc/circuits/2"
"""All circuits together: what they send and in which order, and what they open."""
