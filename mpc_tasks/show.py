"""Tables and pages of a run in Prefect: ids, names, counts and reasons, fit for every party's eyes.

Prefect reads Markdown in pages, in descriptions and in the cells of tables. What people wrote is escaped here; a page
is made by `counterfoil.texts.markdown`, which escapes what it fills in.

A server that is away costs the page, not the step: nothing is decided by what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.logging import get_run_logger
from prefect.utilities.urls import url_for

from counterfoil.texts import Markdown, escape, markdown


@contextmanager
def _if_it_can_be() -> Iterator[None]:
    """Go on without the page when Prefect's client does not reach the server."""
    try:
        yield
    except (httpx.HTTPError, RuntimeError):
        get_run_logger().warning("a page is missing: the server was away")


def table(key: str, rows: Sequence[Mapping[str, str | int]], description: str) -> None:
    """Show a table artifact of the current run."""
    cells = [{name: escape(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows]
    with _if_it_can_be():
        create_table_artifact(key=key, table=cells, description=escape(description))


def page(key: str, text: Markdown) -> None:
    """Show a page artifact of the current run."""
    with _if_it_can_be():
        create_markdown_artifact(key=key, markdown=text)


def link_to_run(key: str, run: UUID, text: str) -> None:
    """Show a link artifact of the current run, to the page of another. Prefect makes Markdown of it."""
    url = url_for("flow-run", obj_id=run)
    if url is not None:
        with _if_it_can_be():
            create_link_artifact(key=key, link=url, link_text=escape(text))


class Progress:
    """A progress bar of the current run."""

    def __init__(self, key: str, description: str) -> None:
        self._id: UUID | None = None
        with _if_it_can_be():
            self._id = cast(UUID, create_progress_artifact(key=key, progress=0.0, description=escape(description)))

    def at(self, percent: float) -> None:
        """Show how much is done."""
        if self._id is not None:
            with _if_it_can_be():
                update_progress_artifact(artifact_id=self._id, progress=percent)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stage is at one party, since when, and what the party says of it; `done` is None while it goes on."""

    party: str
    state: str
    since: str
    said: str
    done: bool | None


class Board:
    """A page of the current run on one stage at several parties, brought up to date while it waits.

    It says who is waited for since when, what failed where, and what each said of it.
    """

    def __init__(self, stage: str, title: str) -> None:
        self._stage, self._title = stage, title
        self._id: UUID | None = None
        self._shown = ""

    def show(self, places: Sequence[Place]) -> None:
        """Write the page if it says something new."""
        shown = board(self._stage, self._title, places)
        if shown == self._shown:
            return
        with _if_it_can_be():
            if self._id is None:
                key = f"stage-{self._stage.replace('_', '-')}"
                self._id = cast(UUID, create_markdown_artifact(key=key, markdown=shown))
            else:
                with get_client(sync_client=True) as client:
                    client.update_artifact(self._id, ArtifactUpdate(data=shown))
            self._shown = shown


def board(stage: str, title: str, places: Sequence[Place]) -> Markdown:
    """Write the page: first what failed and why, then who is waited for, then who is done.

    Reasons are above the table as well: Prefect cuts off what is longer than its cell.
    """
    ordered = sorted(places, key=lambda place: (False, None, True).index(place.done))
    failed = [place.party for place in places if place.done is False]
    waiting = [place.party for place in places if place.done is None]
    told = [f"done at {len(places) - len(failed) - len(waiting)} of {len(places)}"]
    told += [f"failed at {', '.join(failed)}"] if failed else []
    told += [f"waits for {', '.join(waiting)}"] if waiting else []
    rows = [
        markdown(
            "| {party} | {state} | {since} | {said} |",
            party=each.party,
            state=each.state,
            since=each.since,
            said=each.said,
        )
        for each in ordered
    ]
    reasons = [
        markdown("* {party}: {state}: {said}", party=each.party, state=each.state, said=each.said)
        for each in ordered
        if each.done is False
    ]
    mend = Markdown(
        "\n\nWhat failed is mended at the party that says so; then run this period again.\n\n" if failed else ""
    )
    template = """## {title}

**{stage}: {told}**{mend}{reasons}

| party | state | since | what it says |
|---|---|---|---|
{rows}
"""
    return markdown(template, title=title, stage=stage, told="; ".join(told), mend=mend, reasons=reasons, rows=rows)
