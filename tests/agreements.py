"""Further agreements among the parties of a consortium: changed in some words, and signed by whom a test likes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from counterfoil.governance.signing import publish, read_agreement, sign_agreement
from tests.consortium import Consortium

AGREEMENT_FILE = "agreements/exposure.agreement.yaml"


def another(
    banks: Consortium, folder: Path, changes: Mapping[str, Mapping[str, str]], signers: Iterable[str] | None = None
) -> Consortium:
    """The same parties under another agreement, whose files have these words changed; signed by all, or by some."""
    contracts = folder / "contracts"
    shutil.copytree(banks.folder / "contracts", contracts)
    for file, words in changes.items():
        text = (contracts / file).read_text()
        for old, new in words.items():
            assert old in text, old
            text = text.replace(old, new, 1)
        (contracts / file).write_text(text)
    agreement = read_agreement(contracts / AGREEMENT_FILE, banks.agreement.roster)
    ref = publish(agreement, banks.homes["bank-a"].exchange, "bank-a")
    for party in banks.homes if signers is None else signers:
        sign_agreement(agreement, banks.homes[party].keys, banks.homes[party].exchange)
    return replace(banks, agreement=agreement, ref=ref)
