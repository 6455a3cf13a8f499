"""A roster whose parties have no keys yet, read as if each had: for trying out what rests on it, never for signing."""

from __future__ import annotations

from datetime import date

from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.unheld import unheld_keys
from counterfoil.errors import DocumentError, RosterError
from counterfoil.governance.documents import read_document
from counterfoil.governance.parties.roster import Roster, fill_roster, parse_roster


def outline_roster(raw: bytes, source: str, today: date) -> Roster:
    """Return the roster as it is, or with keys that nobody holds for the parties that have none.

    Raises: RosterError, DocumentError.
    """
    value = read_document(raw, source, "roster", RosterError).value
    if all("keys" in party for party in value["parties"]) and "issued" in value:
        return parse_roster(raw, source)
    return fill_roster(raw, source, [_card(party) for party in value["parties"]], today)


def _card(party: dict[str, object]) -> PublicKeys:
    keys = party.get("keys")
    if not isinstance(keys, dict):
        return unheld_keys(str(party["id"]))
    try:
        return PublicKeys.from_json({"party": party["id"], **keys})
    except DocumentError as error:
        raise RosterError(f"{error}; ask {party['id']} for its card again") from None
