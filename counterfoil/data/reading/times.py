"""Convert days and times of CSV text and of Parquet to counts since 1970 in UTC, exactly or not at all.

Years are 1 to 9999, the calendar's. Knows neither files nor contracts.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

FIRST_DAY: Final = -719_162  # 0001-01-01
LAST_DAY: Final = 2_932_896  # 9999-12-31
_DAY_S: Final = 86_400
_MOST_ZONE: Final = 14 * 60  # minutes
_TICKS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_TIME: Final = (
    r"\A(?P<day>\d{4}-\d{2}-\d{2})[T ](?P<minute>\d{2}:\d{2})(?::(?P<second>\d{2})(?:\.(?P<part>\d+))?)?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2}))?\z"
)


def parse_days(text: Any) -> tuple[Any, Any]:
    """Parse the days that begin the texts, with a mask of those that are in the calendar; null for null."""
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    day = pc.utf8_slice_codeunits(text, 0, 10) if longest > len("2026-11-30") else text
    seconds, good = _seconds(day, "%Y-%m-%d")
    return pc.if_else(good, seconds, None).cast(pa.date32()), good


def parse(text: Any, places: int, zone: int | None) -> tuple[Any, Any]:
    """Parse times of ISO 8601 as counts of 10^-places seconds, with a mask of those that are one.

    One without a zone is so many minutes ahead of UTC, and none where there is no such number.
    """
    parts = pc.extract_regex(text, _TIME)
    field = {name: pc.struct_field(parts, name) for name in ("day", "minute", "second", "part", "zone", "sign")}
    second = pc.if_else(pc.equal(field["second"], ""), "00", field["second"])
    seconds, good = _seconds(
        pc.binary_join_element_wise(field["day"], "T", field["minute"], ":", second, ""), "%Y-%m-%dT%H:%M:%S"
    )
    part = pc.utf8_rtrim(field["part"], "0")
    good = pc.and_(good, pc.fill_null(pc.less_equal(pc.utf8_length(part), places), False))
    ticks = pc.cast(pc.utf8_rpad(pc.if_else(good, part, ""), max(places, 1), "0"), pa.int64()) if places else 0
    named = pc.fill_null(pc.not_equal(field["zone"], ""), False)
    hours, minutes = (_number(pc.struct_field(parts, name)) for name in ("hours", "minutes"))
    ahead = pc.add(pc.multiply(hours, 60), minutes)
    good = pc.and_(good, pc.and_(pc.less_equal(ahead, _MOST_ZONE), pc.less(minutes, 60)))
    ahead = pc.if_else(pc.fill_null(pc.equal(field["sign"], "-"), False), pc.negate(ahead), ahead)
    if zone is None:
        good = pc.and_(good, named)
    ahead = pc.if_else(named, ahead, zone or 0)
    utc = pc.subtract(pc.if_else(good, seconds, None).cast(pa.int64()), pc.multiply(ahead, 60))
    good = pc.and_(good, _in_calendar(utc, 0))
    return pc.if_else(good, pc.add(pc.multiply(utc, 10**places), ticks), None), good


def stored_days(values: Any) -> tuple[Any, Any]:
    """Convert stored days, or times at midnight, in UTC or without a zone, with a mask of what is a day."""
    if pa.types.is_timestamp(values.type):
        days, good = _whole(values.cast(pa.int64()), _DAY_S * 10 ** _TICKS[values.type.unit])
    elif pa.types.is_date64(values.type):
        days, good = _whole(values.cast(pa.int64()), _DAY_S * 1000)
    else:
        days = values.cast(pa.int32()).cast(pa.int64())
        good = pc.is_valid(days)
    good = pc.and_(good, pc.fill_null(_between(days, FIRST_DAY, LAST_DAY), False))
    return pc.if_else(good, days, None).cast(pa.int32()).cast(pa.date32()), good


def stored(values: Any, places: int, zone: int) -> tuple[Any, Any]:
    """Convert stored times to counts of 10^-places seconds, with a mask; without a zone they are ahead of UTC."""
    counts, finer = values.cast(pa.int64()), _TICKS[values.type.unit] - places
    ahead = 0 if values.type.tz else zone * 60 * 10 ** _TICKS[values.type.unit]
    within = pc.fill_null(_in_calendar(counts, _TICKS[values.type.unit]), False)
    counts = pc.subtract(pc.if_else(within, counts, None), ahead)
    if finer > 0:
        counts, good = _whole(counts, 10**finer)
    else:
        counts, good = pc.multiply(counts, 10**-finer), pc.is_valid(counts)
    return pc.if_else(good, counts, None), good


def _seconds(text: Any, form: str) -> tuple[Any, Any]:
    """Parse seconds since 1970, with a mask of the texts that are in the calendar: no 30th of February, no year 0."""
    stamp = pc.strptime(text, format=form, unit="s", error_is_null=True)
    good = pc.fill_null(pc.equal(pc.strftime(stamp, format=form), text), False)
    return stamp, pc.and_(good, _in_calendar(stamp.cast(pa.int64()), 0))


def _number(text: Any) -> Any:
    return pc.fill_null(pc.if_else(pc.equal(text, ""), "0", text).cast(pa.int64()), 0)


def _whole(counts: Any, unit: int) -> tuple[Any, Any]:
    """Convert the counts to a larger unit, with a mask of those that are whole ones of it."""
    whole = pc.divide(counts, unit)
    return whole, pc.fill_null(pc.equal(pc.multiply(whole, unit), counts), False)


def _in_calendar(counts: Any, places: int) -> Any:
    most = min((LAST_DAY + 1) * _DAY_S * 10**places - 1, (1 << 63) - 1)
    return _between(counts, max(FIRST_DAY * _DAY_S * 10**places, -(1 << 63)), most)


def _between(counts: Any, low: int, high: int) -> Any:
    return pc.fill_null(pc.and_(pc.greater_equal(counts, low), pc.less_equal(counts, high)), False)
