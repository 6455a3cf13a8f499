"""Signatures under a data contract alone, before any agreement: parties' words that these bytes are what they stand by.

They lie in a DSSE envelope beside the file, and travel with it. They bind nobody to a job: that does an agreement,
which names the contract by the same digest. Knows no exchange.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

from counterfoil.canonical import Json, digest, jcs, load_yaml
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.crypto.sign import signed_digest, verify
from counterfoil.errors import RefusedError, SignatureError
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.papers import Paper

SIGNED_CONTRACT: Final = Paper(kind="contract", says="a party signs the bytes of a contract, beside its file")
_LARGEST: Final = (1 << 53) - 1
SIGNABLE: Final = ("proposed", "draft", "active")


def meaning(contract: Contract) -> str:
    """Compute the digest of all that the contract says but its `description` texts, in whatever order and layout.

    Purposes, usage and limitations, titles, the version and everything that is computed with are in it. An agreement
    binds it with the file: two contracts of one meaning differ in words that explain, for which their owners stand.
    """
    return digest(jcs(_without_descriptions(load_yaml(contract.raw, contract.source).value)))


def signature_file(file: Path) -> Path:
    """Return the path of the signatures under a contract file."""
    return file.with_name(f"{file.name}.signed")


def sign_contract(contract: Contract, keys: PrivateKeys, envelope: bytes | None, today: date) -> bytes:
    """Return the envelope with this party's signature, beside those that it holds already.

    Raises: SignatureError where it holds other bytes; RefusedError for a contract that is retired; ExpiredError.
    """
    contract.check_current(today)
    if contract.status not in SIGNABLE:
        raise RefusedError(f"{contract.source}: a contract that is {contract.status} is not signed; sign its successor")
    if envelope is not None:
        check_bytes(contract, envelope)
    return SIGNED_CONTRACT.sign(contract.raw, keys, envelope)


def _without_descriptions(value: Any) -> Json:
    """Drop texts under `description`, and write numbers that canonical JSON has no room for as texts."""
    if isinstance(value, dict):
        return {
            name: _without_descriptions(each)
            for name, each in value.items()
            if not (name == "description" and isinstance(each, str))
        }
    if isinstance(value, list):
        return [_without_descriptions(each) for each in value]
    return str(value) if isinstance(value, int) and abs(value) > _LARGEST else value


def check_bytes(contract: Contract, envelope: bytes) -> None:
    """Refuse when what was signed is not this file, byte for byte. Raises: SignatureError."""
    if (signed := signed_digest(envelope)) != contract.digest:
        raise SignatureError(
            f"{contract.source}: its signatures are under other bytes (sha256 {signed}, this is {contract.digest}); "
            "see what changed with counterfoil contract diff, and sign again"
        )


def signers(contract: Contract, envelope: bytes, cards: Iterable[PublicKeys]) -> tuple[str, ...]:
    """Return the parties, of those whose cards are given, that signed the contract.

    Raises: SignatureError where the bytes differ, a signature is wrong, or none of them signed.
    """
    check_bytes(contract, envelope)
    return verify(envelope, SIGNED_CONTRACT.kind, cards, threshold=1).signers
