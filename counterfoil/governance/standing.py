"""Whether an agreement that everybody signed still stands: nobody withdrew from it, and no key in it was revoked."""

from __future__ import annotations

from counterfoil.governance.agreement import Agreement
from counterfoil.governance.succession import check_keys
from counterfoil.governance.withdrawal import check_not_withdrawn
from counterfoil.home import Home


def check_standing(agreement: Agreement, home: Home) -> None:
    """Raises: WithdrawnError, RevokedError, by what this party sees in the exchange or has ever seen there."""
    check_not_withdrawn(agreement, home)
    check_keys(agreement, home)
