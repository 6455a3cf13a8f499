"""Which letters are named on paper: those that no font has, each part of what is drawn as one, and no others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import pytest

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.report.pages.letters import MOST_TRIALS, is_simple, lacking, show
from counterfoil.report.pages.pdf import _can_set
from tests.unit.report.reports import a_report, paper, words
from tests.unit.report.test_paper import _alternatives
from tests.unit.test_texts import PASSED


def fonts_with(letters: str) -> Callable[[Sequence[str]], bool]:
    return lambda texts: all(set(text) <= set(letters) for text in texts)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich", "Zürich"),
        ("fine 👍", "fine [U+1F44D]"),
        ("fine 👍🏽!", "fine [U+1F44D U+1F3FD]!"),
        ("北京 a", "[U+5317 U+4EAC] a"),
        ("👩\u200d⚕\ufe0f", "[U+1F469 U+200D U+2695 U+FE0F]"),
        ("🇨🇭🇨🇭", "[U+1F1E8 U+1F1ED U+1F1E8 U+1F1ED]"),
        ("é e\u0301 x\u0331", "é e\u0301 [U+0078 U+0331]"),
        ("7\ufe0f\u20e3", "[U+0037 U+FE0F U+20E3]"),
        ("a\u202eb", "a[U+202E]b"),
    ],
)
def test_what_no_font_has_is_named_as_it_is_drawn(text: str, shown: str) -> None:
    value = {"a": [text, 3], "b": {"c": None}}
    missing = lacking(value, fonts_with("Zürich fine!aée\u0301⚕\ufe0f\u200d7"))
    assert show(value, lambda part: part not in missing) == {"a": [shown, 3], "b": {"c": None}}
    assert bool(missing) is ("[" in shown and "U+202E" not in shown)


def test_a_part_that_passes_as_a_whole_is_tried_letter_by_letter() -> None:
    def lenient(texts: Sequence[str]) -> bool:
        return "👩" not in texts  # alone; beside others it is let through, as an empty box

    assert "👩\u200d⚕\ufe0f" in lacking("👩\u200d⚕\ufe0f", lenient)


def test_a_long_text_in_letters_that_no_font_has_takes_no_longer() -> None:
    asked: list[Sequence[str]] = []

    def nothing(texts: Sequence[str]) -> bool:
        asked.append(texts)
        return False

    text = "".join(map(chr, range(0x4E00, 0x4E00 + 4000)))
    assert lacking(text, nothing) == set(text) and len(asked) <= MOST_TRIALS


def test_a_chart_stays_one() -> None:
    svg = '<text x="1">\u0336W\u0336 👍&amp;\u0336</text>'
    missing = lacking(svg, fonts_with("W\u0336"))
    assert show(svg, lambda part: part not in missing) == '<text x="1">\u0336W\u0336 [U+1F44D]&amp;\u0336</text>'
    assert show(svg, str.isascii) == '<text x="1">[U+0336 U+0057 U+0336] [U+1F44D]&amp;[U+0336]</text>'


def test_in_need_everything_but_ascii_is_named() -> None:
    assert show({"a": ["Zü", 1]}, str.isascii) == {"a": ["Z[U+00FC]", 1]}
    assert show(["Zü Ж ≤ 5, x\u0331 हि"], is_simple) == ["Zü Ж ≤ 5, [U+0078 U+0331] [U+0939 U+093F]"]


@pytest.mark.parametrize("label", ["हिन्दी", "W\u0334\u0335\u0336" * 10, "北京", "ملف المريض", "👍"])
def test_a_chart_with_hard_labels_is_set(label: str) -> None:
    frame = pd.DataFrame({"city": [label, "Zürich"], "rows": pd.array([10, 11], "Int64")})
    table = ResultTable("Rows by city", frame, {"rows": Measure("people")}, chart="bars")
    table = replace(table, measures={"rows": Measure(f"people {label}")})
    text = words(a_report(Result("cities", "histogram", 1, "Rows", (), (table,), cells=2), title="Übersicht"))
    assert "Übersicht" in text and "Zürich" in text


def test_a_chart_that_would_not_fit_is_left_to_its_table() -> None:
    frame = pd.DataFrame({"city": ["北京银行" * 6, "Zürich"], "rows": pd.array([10, 11], "Int64")})
    table = ResultTable("Rows", frame, {"rows": Measure()}, chart="bars")
    report = a_report(Result("cities", "histogram", 1, "Rows", (), (table,), cells=2))
    assert not list(_alternatives(paper(report).trailer["/Root"]["/StructTreeRoot"]))
    assert words(report).count("U+5317") == 6 and "Zürich 11" in words(report)


def test_one_hard_label_names_nothing_else() -> None:
    frame = pd.DataFrame({"city": ["हिन्दी 👍", "Zürich"], "rows": pd.array([10, 11], "Int64")})
    table = ResultTable("Rows", frame, {"rows": Measure("people 👍")}, chart="bars")
    text = words(a_report(Result("cities", "histogram", 1, "Rows", (), (table,), cells=2), title="Übersicht 北"))
    assert "Übersicht [U+5317]" in text and "people [U+1F44D]" in text and "[U+00" not in text


@pytest.mark.parametrize("text", PASSED.values(), ids=PASSED.keys())
def test_every_text_that_passes_the_door_can_be_set(text: str) -> None:
    assert len(paper(a_report(title=text)).pages) > 3


def test_the_paper_says_what_it_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = words(a_report(purpose="To see 北 and Ж."))
    assert "To see [U+5317] and Ж." in text
    assert "Letters that no font of this paper has are named by their numbers" in text
    assert "Letters that no font" not in words(a_report(purpose="To see Ж."))
    assert _can_set(["Ж", "é"]) and not _can_set(["é", "北"])


def test_four_thousand_characters_of_any_script_are_set_in_seconds() -> None:
    started = time.monotonic()
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 3000))) + "ЖЩЫ" * 300
    assert len(paper(a_report(purpose=text)).pages) > 3
    assert time.monotonic() - started < 20
