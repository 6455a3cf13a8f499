"""The key under which all owners of one agreement make pseudonyms, so that one person has one pseudonym among them.

The first owner draws it when it signs, and seals it to every owner; no other party ever holds it. It protects against
whoever sees pseudonyms without it, such as two nodes that put their shares together: they cannot try names until one
fits, and cannot link one agreement's rows with another's. It does not protect against an owner who helps them: every
owner can make the pseudonym of any name. A first owner who seals different keys to the others breaks the links alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from counterfoil.canonical import bind
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.crypto.seal import seal, unseal
from counterfoil.errors import NotFoundError, SignatureError, TamperedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.papers import Name, Paper

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

LINK_KEY: Final = Paper(
    kind="link-key",
    says="the first owner dealt an owner the key for pseudonyms, sealed to it",
    folder="link-keys",
    place=("agreement", "owner"),
    absent="no link key was dealt to {owner} under agreement {agreement}; the first owner signs the agreement",
)
KEY_BYTES: Final = 32


def deal_link_key(agreement: Agreement, keys: PrivateKeys, exchange: Exchange) -> None:
    """Draw a link key, and publish it sealed to every owner and signed by the first.

    One that was dealt stays: another one would give every person another pseudonym. What a stranger put there does not.

    Raises: TamperedError if it was dealt, and this owner's copy was changed since.
    """
    dealt = [owner for owner in agreement.owners if _is_dealt(agreement, owner, keys.public, exchange)]
    if keys.party in dealt:
        return
    if dealt:
        raise TamperedError(
            f"the link key of {agreement.id} was dealt, and the copy of {keys.party} is not what it signed; put back "
            f"{'/'.join(_name(agreement, keys.party))}, or agree anew"
        )
    key = os.urandom(KEY_BYTES)
    for owner in agreement.owners:
        sealed = seal(key, agreement.roster.party(owner).keys, _purpose(agreement, owner))
        LINK_KEY.publish(sealed, keys, exchange, agreement=agreement.digest, owner=owner)


def link_key(agreement: Agreement, keys: PrivateKeys, exchange: Exchange) -> bytes:
    """Return the agreement's link key, as the first owner dealt it to this one.

    Raises: NotFoundError before it was dealt; SignatureError, SealError unless the first owner dealt it to this one.
    """
    dealer = agreement.roster.party(agreement.owners[0]).keys
    sealed = LINK_KEY.verify(LINK_KEY.fetch(exchange, agreement=agreement.digest, owner=keys.party), dealer)
    return unseal(sealed, keys, _purpose(agreement, keys.party))


def _is_dealt(agreement: Agreement, owner: str, dealer: PublicKeys, exchange: Exchange) -> bool:
    """Tell whether something that the dealer signed as a link key is there for the owner."""
    try:
        LINK_KEY.verify(LINK_KEY.fetch(exchange, agreement=agreement.digest, owner=owner), dealer)
    except (NotFoundError, SignatureError):
        return False
    return True


def _purpose(agreement: Agreement, owner: str) -> bytes:
    return bind("counterfoil/link-key/1", agreement.digest.encode(), owner.encode())


def _name(agreement: Agreement, owner: str) -> Name:
    return LINK_KEY.name(agreement.digest, owner)
