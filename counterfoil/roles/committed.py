"""What of a draft the nodes commit to before its review, and whether shares are still those."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.errors import TamperedError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.suites.commitments import commitment
from counterfoil.mpc.suites.replicated import components
from counterfoil.roles.result_names import component_name, salt_name
from counterfoil.storage.arrays import pack


def component_content(parts: Mapping[str, Words], component: int) -> bytes:
    """Return the bytes of one component of all outputs of an analysis, from arrays named as in a vault."""
    return pack({name: part for name, part in parts.items() if name.endswith(component_name("", component))})


def check_committed(draft: Draft, plan: str, node: str, items: Mapping[str, Words]) -> None:
    """Check that these are the shares of the plan's result that the node had when the draft was made.

    Raises: TamperedError.

    `items` are the components of all outputs that the node holds, and their salts, named as in its vault.
    """
    nodes, committed = draft.agreement.terms.nodes, draft.evidence.outputs[plan].commitments
    for j in components(len(nodes), nodes.index(node)):
        salt = items.get(salt_name(j))
        parts = {name: part for name, part in items.items() if name != salt_name(j)}
        if salt is None or commitment(salt, plan, j, component_content(parts, j)).hex() != committed[j]:
            raise TamperedError(f"component {j} of {plan} at {node} is not the one that was reviewed")
