"""How a column is called in a contract, whatever its name in a file is. Knows neither files nor contracts."""

from __future__ import annotations

import re
import unicodedata


def plain_name(name: str) -> str:
    """Return the name as a contract can write it: small letters a to z, digits and _, and a letter first."""
    folded = unicodedata.normalize("NFKD", name.strip().casefold())
    plain = re.sub(
        r"[^a-z0-9]+", "_", "".join(each for each in folded if unicodedata.category(each) not in ("Mn", "Cf"))
    )
    plain = plain.strip("_")
    return (plain if plain[:1].isalpha() else f"column_{plain}".rstrip("_"))[:63]
