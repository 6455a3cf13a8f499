"""The suites of protocols that an agreement may name. Knows what each takes, and nothing of how it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Suite: TypeAlias = Literal["rep3", "rep4"]

NODES: Mapping[Suite, int] = {"rep3": 3, "rep4": 4}
"""How many nodes a suite takes."""
