"""How shared results are named between a node's vault and a recipient."""

from __future__ import annotations


def component_name(output: str, component: int) -> str:
    """Return one component of one output, as it is kept in a vault."""
    return f"{output}--{component}"


def salt_name(component: int) -> str:
    """Say what a component was committed to with, as it is kept in a vault; no output is called so."""
    return f"commitment-salt--{component}"


def released_name(plan: str, item: str) -> str:
    """Return an item of a vault's draft, as it is packed for a recipient."""
    return f"{plan}--{item}"
