"""Enrolment and renewal: how a party's keys come into a roster without anybody in between putting others there.

A member invites a newcomer with a code, told by telephone or in person. The newcomer states in a request who it is and
which keys it has; it signs the request with its new key, and authenticates it with the code, which the exchange never
sees. The member checks both, compares the fingerprint with the newcomer's own words, and writes the roster's next
version. A party that renews its keys needs no code: its signing key, which stays, vouches for the others.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from counterfoil.canonical import bind, check_id, digest, jcs
from counterfoil.clock import reckoned
from counterfoil.crypto.keys import PublicKeys, read_card
from counterfoil.errors import ExpiredError, NotFoundError, RosterError, SignatureError
from counterfoil.governance.documents import read_json, read_time, write_time
from counterfoil.governance.papers import Paper
from counterfoil.governance.parties.roster import Party, Roster
from counterfoil.home import Home

VALID: Final = timedelta(days=7)
"""For how long a newcomer may use its code."""

ENROLMENT: Final = Paper(
    kind="enrolment",
    schema="enrolment",
    says="a newcomer asks to be in a roster, with these keys",
    folder="enrolments",
    place=("party", "request"),
    absent="{party} has not asked to join yet: counterfoil party enrol",
)
CARD: Final = Paper(
    kind="card",
    says="a party renewed its keys: these are its present ones",
    folder="cards",
    place=("party",),
    signer="party",
    absent="{party} has not renewed its keys: counterfoil party rotate",
)
_REQUEST: Final = "request"
_INVITED, _USED = "invited", "enrolment-code"
_CODE_BYTES: Final = 15


def invite(id: str, home: Home, now: datetime) -> str:
    """Draw a code for a newcomer of that id and remember it; one that was given before is void.

    To be told to the newcomer by telephone or in person, and to nobody else. Raises: DocumentError.
    """
    check_id(id, "party")
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode()
    code = "-".join(text[at : at + 4] for at in range(0, len(text), 4))
    home.state.put(_INVITED, id, jcs({"code": code, "until": write_time(now + VALID)}))
    return code


def ask_to_join(
    home: Home, code: str, *, organisation: str, jurisdiction: str, address: str | None, hosting: str | None
) -> None:
    """Sign and publish this party's request to be in the roster, authenticated with the code."""
    card = home.keys.public
    request: dict[str, Any] = {
        "format": "counterfoil/enrolment/1",
        "organisation": organisation,
        "jurisdiction": jurisdiction,
        "roles": list(home.roles),
        "card": digest(jcs(card.to_json())),
        **{name: value for name, value in (("address", address), ("hosting", hosting)) if value},
    }
    request["code"] = _authenticate(code, card, request)
    read_json(jcs(request), f"request of {home.party}", ENROLMENT.schema)  # as whoever reads it will check it
    home.exchange.put_named(ENROLMENT.name(home.party, "card"), jcs(card.to_json()), replace=True)
    ENROLMENT.publish(jcs(request), home.keys, home.exchange, party=home.party, request=_REQUEST)


def read_request(id: str, home: Home, now: datetime) -> Party:
    """Read the request of the newcomer whom this party invited.

    Raises: NotFoundError if it was not invited or has not asked; ExpiredError; DocumentError; SignatureError unless the
        newcomer signed the request and knew the code.
    """
    try:
        invitation = json.loads(home.state.get(_INVITED, check_id(id, "party")))
    except NotFoundError:
        raise NotFoundError(f"{home.party} has not invited {id}: counterfoil party invite {id}") from None
    if now > read_time(invitation["until"]):
        raise ExpiredError(f"the code for {id} was good until {invitation['until']}; invite {id} anew{reckoned(now)}")
    try:
        card = read_card(home.exchange.get_named(ENROLMENT.name(id, "card")))
    except NotFoundError:
        raise NotFoundError(ENROLMENT.absent.format(party=id)) from None
    envelope = ENROLMENT.fetch(home.exchange, party=id, request=_REQUEST)
    request = read_json(ENROLMENT.verify(envelope, card), f"request of {id}", ENROLMENT.schema)
    given = request.pop("code")
    if card.party != id or request["card"] != digest(jcs(card.to_json())):
        raise SignatureError(f"the request of {id} is for other keys than those beside it")
    if not hmac.compare_digest(given, _authenticate(invitation["code"], card, request)):
        raise SignatureError(f"whoever asks to join as {id} does not know the code; ask {id}, and invite it anew")
    return Party(
        id=id,
        organisation=request["organisation"],
        jurisdiction=request["jurisdiction"],
        roles=tuple(request["roles"]),
        keys=card,
        address=request.get("address"),
        hosting=request.get("hosting"),
    )


def admitted(id: str, home: Home) -> None:
    """Use up the newcomer's code. Raises: ReplayError if it was before."""
    home.state.remember_once(_USED, digest(home.state.get(_INVITED, id)))


def publish_card(home: Home) -> None:
    """Publish this party's present card under its signature, for the roster's next version."""
    card = home.keys.public
    CARD.publish(jcs(card.to_json()), home.keys, home.exchange, party=home.party)


def read_renewed(id: str, roster: Roster, home: Home) -> PublicKeys:
    """Read the card of a party that renewed its keys, signed with the signing key that the roster lists.

    Raises: RosterError, NotFoundError, SignatureError, DocumentError.
    """
    listed = roster.party(id).keys
    card = read_card(CARD.verify(CARD.fetch(home.exchange, party=id), listed))
    if (card.party, card.sign) != (id, listed.sign):
        raise RosterError(f"{id} has renewed the keys of {card.party}, or another signing key; give its card instead")
    return card


def _authenticate(code: str, card: PublicKeys, request: dict[str, Any]) -> str:
    """Return what only somebody who knows the code can write beside exactly this request of exactly these keys."""
    key = "".join(letter for letter in code.upper() if letter.isalnum()).encode()
    message = bind("counterfoil/enrolment/1", card.party.encode(), jcs(card.to_json()), jcs(request))
    return hmac.new(key, message, "sha256").hexdigest()
