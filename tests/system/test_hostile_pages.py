"""What a proposer's texts become on Prefect's pages and in its logs: the letters that were written, no more."""

from __future__ import annotations

import dataclasses
import logging
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from markdown_it import MarkdownIt

from counterfoil.errors import StoreError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.reaffirmation import ReviewDate
from counterfoil.governance.releases.docket import look
from counterfoil.governance.releases.status import Status
from counterfoil.governance.review.airlock import State
from counterfoil.report.prechecks import Level, Precheck
from counterfoil.texts import Markdown
from counterfoil_prefect.mpc_tasks import count, remind, show, tell
from counterfoil_prefect.mpc_tasks.barrier import OneLine
from counterfoil_prefect.mpc_tasks.runs import Run
from tests.unit.conftest import TODAY, Consortium, make_consortium
from tests.unit.governance.reviewing import draft

HOSTILE = (
    "[approve](http://evil.example) ![x](http://evil.example/x.png) <img src=x onerror=alert(1)> <b>bold</b> | cell |\n"
    "\n# Approved by all\n\n- http://evil.example www.evil.example a@evil.example `code` **bold** _it_ ~~gone~~ &lt;"
)


def rendered(page: Markdown) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(page)


def check_harmless(page: Markdown, headings: int) -> None:
    html = rendered(page)
    for markup in ("<img", "<b>", "<s>", "<em>", "href", "<h1"):
        assert markup not in html, markup
    assert html.count("<h") - html.count("<hr") == headings
    assert "&lt;img src=x onerror=alert(1)&gt; &lt;b&gt;bold&lt;/b&gt; | cell | # Approved by all - http[:]//" in html
    assert "www[.]evil.example a[@]evil.example `code` **bold** _it_ ~~gone~~ &amp;lt;" in html
    assert "://evil" not in page


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    made = make_consortium(tmp_path_factory.mktemp("consortium"))
    made.sign()
    return made


@pytest.fixture(scope="module")
def hostile(consortium: Consortium) -> Agreement:
    """The agreement, whose title and whose parties' names are hostile."""
    terms = consortium.agreement
    parties = tuple(dataclasses.replace(each, organisation=HOSTILE) for each in terms.roster.parties)
    roster = dataclasses.replace(terms.roster, parties=parties)
    return dataclasses.replace(terms, title=HOSTILE, roster=roster)


def test_the_page_of_a_release(hostile: Agreement, consortium: Consortium) -> None:
    found = [Status("ab" * 32, "2026-w48", "regulator", (), TODAY, None, ())]
    page = tell.describe(hostile, consortium.ref, found, TODAY)
    check_harmless(page, headings=1)
    assert rendered(page).count("<td>") == 4


def test_the_page_of_a_review_date(hostile: Agreement, consortium: Consortium) -> None:
    due = ReviewDate(HOSTILE, dict.fromkeys(hostile.parties, TODAY + timedelta(days=3)))
    check_harmless(remind.describe(hostile, consortium.ref, due, TODAY), headings=1)


def test_the_page_of_a_review(hostile: Agreement, consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    made = draft(consortium)
    home = consortium.homes["coordinator"]
    monkeypatch.setattr(count, "home", lambda: home)
    found = look(made, home, TODAY)
    signed = dataclasses.replace(found.draft.agreement, terms=hostile)
    found = dataclasses.replace(found, draft=dataclasses.replace(found.draft, agreement=signed))
    assert found.state is State.SUBMITTED
    checks = [Precheck(HOSTILE, Level.LOOK, HOSTILE)]
    page = count._page(found, consortium.ref, checks, [Run("analyse](http://evil.example)", None)])
    check_harmless(page, headings=2)
    linked = count._page(found, consortium.ref, [], [Run("a](http://evil.example) [b", "http://127.0.0.1/runs/1")])
    assert rendered(linked).count("href") == 1 and 'href="http://127.0.0.1/runs/1"' in rendered(linked)


def test_tables_descriptions_and_links(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    for name in ("create_table_artifact", "create_progress_artifact", "create_link_artifact"):
        monkeypatch.setattr(show, name, lambda **given: shown.append(given))
    monkeypatch.setattr(show, "url_for", lambda *_, **__: "http://127.0.0.1/runs/1")
    show.table("t", [{"party": "bank-a", "said": HOSTILE, "n": 3}], HOSTILE)
    show.Progress("p", HOSTILE)
    show.link_to_run("l", uuid4(), f"The review of {HOSTILE}\u202e")
    table, progress, link = shown
    for text in (table["table"][0]["said"], table["description"], progress["description"]):
        check_harmless(Markdown(f"## It\n{text}"), headings=1)
    assert table["table"][0]["n"] == 3 and table["table"][0]["party"] == "bank-a"
    html = rendered(Markdown(f"[{link['link_text']}]({link['link']})"))
    assert html.count("href") == 1 and 'href="http://127.0.0.1/runs/1"' in html and "[U+202E]" in html


def test_a_message_makes_one_line_in_a_log() -> None:
    try:
        raise ValueError("\x1b[2Jfine\u202e")
    except ValueError:
        record = logging.LogRecord("prefect", logging.ERROR, __file__, 1, "said %s", ("a\n12:00 | INFO | b",), None)
        record.exc_info = sys.exc_info()
    assert OneLine().filter(record)
    written = logging.Formatter("%(message)s").format(record)
    assert written.startswith("said a 12:00 | INFO | b\nTraceback")
    assert "ValueError: [U+001B][2Jfine[U+202E]" in written and "\x1b" not in written


def test_a_message_that_its_library_wrote_wrongly_ends_no_run() -> None:
    record = logging.LogRecord("library", logging.INFO, __file__, 1, "%d of\nthem", ("some",), None)
    assert OneLine().filter(record)
    assert logging.Formatter("%(message)s").format(record) == "%d of them"


def test_an_error_of_ours_is_logged_without_a_traceback() -> None:
    record = logging.LogRecord("task", logging.ERROR, "file", 1, "failed with %r", ("why",), None)
    try:
        raise StoreError("why")
    except StoreError:
        record.exc_info = sys.exc_info()
    assert OneLine().filter(record)
    assert logging.Formatter().format(record) == "failed with 'why'"
