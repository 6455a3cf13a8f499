"""Tables on a run's page in Prefect: ids, names and counts, fit for every party's eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(key: str, rows: Sequence[Mapping[str, str | int]], description: str) -> None:
    """A table artifact of the current run."""
    from prefect.artifacts import create_table_artifact

    create_table_artifact(key=key, table=[dict(row) for row in rows], description=description)


def page(key: str, markdown: str) -> None:
    """A page artifact of the current run."""
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(key=key, markdown=markdown)


class Progress:
    """A progress bar of the current run."""

    def __init__(self, key: str, description: str) -> None:
        from prefect.artifacts import create_progress_artifact

        self._id = create_progress_artifact(key=key, progress=0.0, description=description)

    def at(self, percent: float) -> None:
        """So much is done."""
        from prefect.artifacts import update_progress_artifact

        update_progress_artifact(artifact_id=self._id, progress=percent)
