"""Further agreements among the parties of a consortium: changed in some words, and signed by whom a test likes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from tests.lib.consortium import Consortium, agree

AGREEMENT_FILE, CONTRACT_FILE = "agreements/exposure.agreement.yaml", "data/loans.odcs.yaml"
POLICY_FILE = "policies/strict-counts.policy.yaml"


def ending(banks: Consortium, last: date) -> dict[str, str]:
    """Changes to the agreement's file that have it end on this day."""
    terms = banks.agreement
    return {f'"{terms.expires}"': f'"{last}"', f'"{terms.review_by}"': f'"{last}"'}


def another(
    banks: Consortium, folder: Path, changes: Mapping[str, Mapping[str, str]], signers: Iterable[str] | None = None
) -> Consortium:
    """The same parties under another agreement, whose files have these words changed; signed by all, or by some."""
    contracts = folder / "contracts"
    shutil.copytree(banks.folder / "contracts", contracts)
    for file, words in changes.items():
        text = (contracts / file).read_text()
        for old, new in words.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (contracts / file).write_text(text)
    agreement, ref = agree(contracts, banks.agreement.roster, banks.homes, signers=signers)
    return replace(banks, agreement=agreement, ref=ref)
