"""Tables and pages on a run's page in Prefect: ids, names and counts, fit for every party's eyes.

Prefect reads Markdown in pages, in descriptions and in the cells of tables. What people wrote is escaped here; a page
is made by `counterfoil.texts.markdown`, which escapes what it fills in.

A server that is away costs the page, not the step: nothing is decided by what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.logging import get_run_logger
from prefect.utilities.urls import url_for

from counterfoil.texts import Markdown, escape, one_line


@contextmanager
def _if_it_can_be() -> Iterator[None]:
    """What Prefect's client raises when it does not reach the server ends here."""
    try:
        yield
    except (httpx.HTTPError, RuntimeError):
        get_run_logger().warning("a page is missing: the server was away")


def table(key: str, rows: Sequence[Mapping[str, str | int]], description: str) -> None:
    """A table artifact of the current run."""
    cells = [{name: escape(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows]
    with _if_it_can_be():
        create_table_artifact(key=key, table=cells, description=escape(description))


def page(key: str, markdown: Markdown) -> None:
    """A page artifact of the current run."""
    with _if_it_can_be():
        create_markdown_artifact(key=key, markdown=markdown)


def link_to_run(key: str, run: UUID, text: str) -> None:
    """A link artifact of the current run, to the page of another."""
    url = url_for("flow-run", obj_id=run)
    if url is not None:
        with _if_it_can_be():
            create_link_artifact(key=key, link=url, link_text=one_line(text))


class Progress:
    """A progress bar of the current run."""

    def __init__(self, key: str, description: str) -> None:
        self._id: UUID | None = None
        with _if_it_can_be():
            self._id = cast(UUID, create_progress_artifact(key=key, progress=0.0, description=escape(description)))

    def at(self, percent: float) -> None:
        """So much is done."""
        if self._id is not None:
            with _if_it_can_be():
                update_progress_artifact(artifact_id=self._id, progress=percent)
