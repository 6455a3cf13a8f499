"""Separation of duties in a review: nobody approves what it proposed, computed, coordinates, or is to receive.

Who shall see a result before it is approved is a checker: a reviewer and a recipient, because the agreement says so.
Knows the agreement's fields and its roster; other rules of an agreement are checked elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.governance.documents import Problems, did_you_mean
from counterfoil.governance.parties.roster import Roster


def check_separation(value: Mapping[str, Any], roster: Roster, problems: Problems) -> None:
    """Note every reviewer that would judge its own work, and every checker that could not be one."""
    review = value["review"]
    reviewers, proposer = review["reviewers"], review["proposer"]
    named = [*value["owners"], *value["nodes"], value["coordinator"], *value["recipients"]]
    organisations = {party.id: party.organisation for party in roster.parties}
    if proposer not in named:
        problems.add(
            ("review", "proposer"),
            f"{proposer!r} is no owner, node, coordinator or recipient here{did_you_mean(proposer, named)}",
        )
    for index, id in enumerate(reviewers):
        at = ("review", "reviewers", index)
        if id == proposer:
            problems.add(at, f"{id} proposes the analyses and cannot approve their results; name somebody else")
        elif organisations.get(id, id) == organisations.get(proposer, proposer):
            problems.add(at, f"{id} is of the same organisation as {proposer}, who proposes; name another one")
        elif id in value["nodes"] or id == value["coordinator"]:
            problems.add(at, f"{id} takes part in making the results and cannot approve them; name somebody else")
        elif id in value["recipients"] and id not in review.get("checkers", []):
            problems.add(at, f"{id} receives results; it may review as a checker only, or not at all: `checkers`")
    for index, id in enumerate(review.get("checkers", [])):
        for role, ids in (("reviewer", reviewers), ("recipient", value["recipients"])):
            if id not in ids:
                problems.add(("review", "checkers", index), f"{id} is no {role} here; a checker is both")
