"""Where a recipient's sealed shares are delivered: the common exchange, or a store of its own that the agreement names.

The signed papers on a release always lie in the exchange, where everybody can check them; only what is sealed goes
elsewhere. What opens a store is in the environment of whoever uses it, never in a document.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from counterfoil.governance.agreements.agreement import Agreement

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

SEALED: Final = "sealed"
"""The kind of the blobs that are handed over."""

_SETTINGS: Final = "COUNTERFOIL_STORE_"

_OF_STORE: Final = re.compile("(?:AWS|AZURE|GOOGLE)(?:_(?!(?:AWS|AZURE|GOOGLE)_)[^_]*)+")
"""A setting as a store's tools name it, its provider once and first: what names one further on is of another recipient,
like bank-aws beside bank."""


def store_of(terms: Agreement, recipient: str) -> str:
    """Return the URL of the recipient's own store, "" if it has none."""
    return terms.delivery.get(recipient, "")


def open_store(url: str, recipient: str, exchange: Exchange) -> Exchange:
    """Open the store of the recipient's sealed shares: at its own URL, or else the exchange. Raises: StoreError."""
    if not url:
        return exchange
    from counterfoil.storage.exchange import Exchange  # noqa: PLC0415 (a store's software is loaded when there is one to open)

    return Exchange.open(url, settings=settings(recipient))


def settings(recipient: str) -> dict[str, str]:
    """Return what opens the recipient's store before anything else does, as the store's own tools name it.

    COUNTERFOIL_STORE_BANK_A_AWS_ACCESS_KEY_ID is AWS_ACCESS_KEY_ID for the store of bank-a, and for no other.
    """
    own = re.compile(f"{_SETTINGS}{recipient.upper().replace('-', '_')}_({_OF_STORE.pattern})")
    return {found[1]: value for name, value in os.environ.items() if (found := own.fullmatch(name))}
