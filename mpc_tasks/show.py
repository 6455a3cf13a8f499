"""Tables on a run's page in Prefect: ids, names and counts, fit for every party's eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(key: str, rows: Sequence[Mapping[str, str | int]], description: str) -> None:
    """A table artifact of the current run."""
    from prefect.artifacts import create_table_artifact

    create_table_artifact(key=key, table=[dict(row) for row in rows], description=description)
