"""Give examples days that fit the day on which they are set up. What is signed always holds real days.

The files in `contracts/` hold real days, too, so that editors and `contract lint` take them as they are; their copies
get later ones from here. Pure: text in, text out.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

REVIEW_DAYS: Final = 182
"""After so many days the parties of a new agreement look at it anew, unless they change that."""

_WRITTEN_IN: Final = 2026
"""The year for which the days in contracts and policies were written: they end two years later."""

_ENDS: Final = re.compile(
    r"""(?mx)
    ( ^reviewBy:[ ]                                            # a policy's
    | ^[ ]*-[ ]property:[ ](?:reviewBy|expires)\n[ ]+value:[ ]   # a data contract's
    | ^[ ]+(?:minimum|maximum):[ ]                             # the days that a column may hold
    )"(\d{4})(-\d{2}-\d{2})"$"""
)


def date_agreement(text: str, starts: date, today: date) -> str:
    """Have the agreement hold from that day until a year from today, and be reviewed half-way."""
    last = date(today.year + 1, today.month, min(today.day, 28))
    for field, day in (("starts", starts), ("reviewBy", today + timedelta(days=REVIEW_DAYS)), ("expires", last)):
        text = re.sub(rf'^{field}: "[0-9-]*"$', f'{field}: "{day}"', text, flags=re.MULTILINE)
    return text


def date_document(text: str, today: date) -> str:
    """Move the days of a contract or policy by whole years, so that it outlives every agreement that begins today."""
    years = max(0, today.year - _WRITTEN_IN)
    return _ENDS.sub(lambda found: f'{found[1]}"{int(found[2]) + years}{found[3]}"', text)
