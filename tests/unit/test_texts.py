"""What people wrote: which characters pass the door, and how those that did not come through it are shown."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from counterfoil.canonical import jcs, load_yaml
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import sign
from counterfoil.data.reading.page import TEMPLATES
from counterfoil.errors import CounterfoilError, DocumentError, TextError
from counterfoil.governance.documents import read_json
from counterfoil.report.pages.page import PAGES
from counterfoil.texts import MOST_MARKS, Markdown, check_text, escape, markdown, one_line, visible
from tests.unit import look_alike_table, unicode_table

REFUSED = {
    "a screen that is cleared": "\x1b[2J",
    "C1: a control sequence": "\x9b31m",
    "a bell": "\a",
    "a backspace": "bad\b\b\bgood",
    "a carriage return": "bad\rgood",
    "a delete": "\x7f",
    "a next line of EBCDIC": "\x85",
    "right-to-left override": "\u202egood",
    "a bidi isolate": "\u2066a\u2069",
    "the Arabic letter mark": "\u061ca",
    "zero-width space": "a\u200bb",
    "word joiner": "a\u2060b",
    "a byte order mark inside": "a\ufeffb",
    "soft hyphen": "a\u00adb",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "an interlinear annotation": "\ufff9a\ufffa",
    "a tag": "a\U000e0041",
    "the flag of a region, which is made of tags": "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "a variation of an ideograph": "\u845b\U000e0100",
    "a Hangul filler, a letter that is empty": "a\u3164b",
    "a half-width one": "a\uffa0b",
    "an empty pattern of Braille": "a\u2800b",
    "combining grapheme joiner": "a\u034fb",
    "an invisible operator": "a\u2062b",
    "private use": "\ue000",
    "what is not assigned": "\u0378",
    "no character": "\ufdd0",
    "half a pair": "\ud800",
    "a joiner between letters": "pass\u200dword",
    "a joiner at the end": "\U0001f469\u200d",
    "a non-joiner between letters": "pass\u200cword",
    "a variation selector on a letter": "a\ufe0f",
    "two variation selectors": "\u2764\ufe0f\ufe0f",
    "a keycap of nothing": "7\ufe0f",
    "marks beyond number": "Z" + "\u0334" * (MOST_MARKS + 1),
    "a Cyrillic a in a Latin word": "St John B\u0430nk",
    "a Latin o in a Cyrillic word": "М\u006fсква",
    "a Greek omicron in a Latin word": "N\u03bfrth",
    "a Greek omicron in a Cyrillic word": "Росси\u03bfя",
    "Cyrillic in Latin with a mark between": "re\u0301sum\u0435\u0301",
    "a Cherokee letter": "\u13aamber",
    "a sans-serif letter of mathematics": "\U0001d5bapple",
    "a Cyrillic word that is read as Latin": "the \u0441\u043e\u0440 of it",
    "a Cyrillic capital beside Latin words": "Vitamin \u0410",
    "a Greek word that is read as Latin": "Bank \u039f\u039d\u0395",
}

PASSED = {
    "lines of a folded text": "one\ntwo\n\n\tthree",
    "German, Polish, Turkish": "Zürich Łódź İğş",
    "no-break space": "10\u00a0000 €",
    "narrow no-break space": "10\u202f000 €",
    "letters with marks of their own": "Zu\u0308rich",
    "Vietnamese": "Đà Nẵng",
    "Hebrew with points": "תֵּל אָבִיב",
    "Arabic": "ملف المريض",
    "Persian, whose words are joined of two": "می\u200cخواهم",
    "Hindi with a joiner": "क्\u200dष",
    "Thai": "กรุงเทพ",
    "Chinese, Japanese, Korean": "北京银行 名古屋 서울\u3000",
    "a thumb": "Looks fine 👍",
    "a thumb with a colour": "👍🏽",
    "a heart with its variation": "\u2764\ufe0f",
    "a family": "👩\u200d👩\u200d👧",
    "a doctor": "👩🏽\u200d⚕\ufe0f",
    "a keycap": "7\ufe0f\u20e3",
    "a flag": "🇨🇭",
    "mathematics": "≤ 5 → ∞ m² CO₂ ☐ ✓",
    "Russian": "Среднее по группам, а также сор и рост",
    "Russian with a Latin word": "отдел IT, а также Bank of Russia",
    "Cyrillic letters that all look Latin, alone": "СОА",
    "Greek": "Εθνική Τράπεζα",
    "symbols": "TNFα γGT β2 Δt µm Ω Spearman's ρ, ν = 4, 𝑝-value",
    "Chinese and Japanese with other scripts in a word": "X線 β線 IT部門 Aクラス",
    "ordinals": "1ª 2º Nº 3",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_reader_would_see_is_refused_by_number_and_place(text: str) -> None:
    with pytest.raises(TextError, match=r"^a title: character \d+ is U\+[0-9A-F]{4,6}") as caught:
        check_text(text, "a title")
    assert str(caught.value).isprintable()
    shown = visible(text)
    assert "[U+" in shown
    check_text(shown)


@pytest.mark.parametrize("text", PASSED.values(), ids=PASSED.keys())
def test_what_people_write_passes_and_is_shown_as_it_is(text: str) -> None:
    check_text(text)
    assert visible(text) == text


def test_marks_count_anew_on_every_letter() -> None:
    check_text(("Z" + "\u0334" * MOST_MARKS) * 3)


@pytest.mark.skipif(unicodedata.unidata_version != unicode_table.VERSION, reason="another version of Unicode")
def test_the_table_is_what_its_rule_says() -> None:
    table = json.loads(unicode_table.TABLE.read_text())
    assert table["unicode"] == unicode_table.VERSION
    assert [int(edge, 16) for line in table["edges"] for edge in line.split()] == unicode_table.edges()


@pytest.mark.skipif(unicodedata.unidata_version != look_alike_table.VERSION, reason="another version of Unicode")
def test_the_table_of_look_alikes_is_what_its_rule_says_of_its_letters() -> None:
    table = json.loads(look_alike_table.TABLE.read_text())
    assert table["unicode"] == look_alike_table.VERSION
    pairs = [(chr(int(code, 16)), latin) for latin, codes in table["letters"].items() for code in codes.split()]
    assert look_alike_table.lines(pairs) == table["letters"]
    assert {"а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "х": "x", "Ο": "O", "І": "I"}.items() <= dict(
        pairs
    ).items()


def test_confusables_are_read_as_unicode_writes_them() -> None:
    listing = "# c\n\n0430 ;\t0061 ;\tMA\t# ( а → a )\n0406 ;\t006C ;\tMA\t#\n00E6 ; 0061 0065 ; MA\n"
    pairs = look_alike_table.listed(listing)
    assert look_alike_table.lines(pairs) == {"I": "406", "a": "430"}


SCRIPTS = st.sampled_from("abcoxIKαοΑνгдасохІКЖ𝖺Ꭺ線. ")


@given(st.text(st.characters()) | st.text(SCRIPTS))
def test_what_is_shown_could_have_been_written(text: str) -> None:
    check_text(visible(text))
    assert visible(visible(text)) == visible(text)
    assert "\n" not in one_line(text)


# --- the door ---------------------------------------------------------------------------------------------------

SHORT = {name: text for name, text in REFUSED.items() if "\ud800" not in text}


def in_yaml(text: str, place: Callable[[str], str]) -> bytes:
    return place(json.dumps(text)).encode()


@pytest.mark.parametrize(
    "place", ["a: {}", "{}: a", "a: [x, {}]", "a: {{b: {}}}"], ids=["a value", "a key", "an item", "a value below"]
)
@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT.keys())
def test_no_yaml_brings_them_in_by_an_escape(text: str, place: str) -> None:
    with pytest.raises(TextError, match=r"^x\.yaml:2"):
        load_yaml(b"# x\n" + in_yaml(text, place.format), "x.yaml")


@pytest.mark.parametrize("text", ["\u202e", "a\u200bb", "\U000e0041", "\x85"])
@pytest.mark.parametrize("place", ["a: b # {}", "a: >\n  {}\n", "a: 'x{}'"])
def test_no_yaml_brings_them_in_as_they_are(text: str, place: str) -> None:
    with pytest.raises(TextError, match=r"^x\.yaml:[12]: character"):
        load_yaml(place.format(text).encode(), "x.yaml")


def test_a_line_that_would_be_drawn_over_another_is_refused() -> None:
    with pytest.raises(TextError, match="U\\+000D"):
        load_yaml(b"purpose: 'all of it\rnothing'\n", "x.yaml")


def test_files_of_other_systems_are_read() -> None:
    assert load_yaml(b"\xef\xbb\xbfa: >\r\n  one\r\n  two\r\n", "x.yaml").value == {"a": "one two\n"}


@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT.keys())
def test_no_statement_brings_them_in(text: str) -> None:
    said = {"format": "counterfoil/comment/1", "agreement": "ab" * 32, "evidence": "ab" * 32, "party": "bank-a"}
    read = partial(read_json, what="comment", schema="comment")
    whole = {**said, "text": "Looks fine 👍", "said": "2026-11-27T10:00:00Z"}
    assert read(jcs(whole)) == whole
    with pytest.raises(TextError, match=r"^comment: text: character"):
        read(jcs({**whole, "text": text}))
    with pytest.raises(DocumentError):
        read(jcs({**whole, text: "a"}))


def test_nobody_signs_what_others_would_not_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    keys = PrivateKeys.create(tmp_path_factory.mktemp("keys"), "bank-a")
    for text in SHORT.values():
        with pytest.raises(TextError, match="comment: text"):
            sign("comment", jcs({"text": text}), keys)
    assert sign("comment", jcs({"text": "👍"}), keys)


def test_an_error_says_the_place_in_a_statement_without_what_hides_there() -> None:
    with pytest.raises(CounterfoilError) as caught:
        read_json(jcs({"a\x1b": [{"b": "\u202e"}]}), "decision", "decision")
    assert str(caught.value).isprintable() and caught.value.exit_code == 14


# --- Markdown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[click](http://evil.example)", r"\[click\](http\[:\]//evil.example)"),
        ("![x](http://evil.example/p.png)", r"\!\[x\](http\[:\]//evil.example/p.png)"),
        ("see https://evil.example", r"see https\[:\]//evil.example"),
        ("www.evil.example", r"www\[.\]evil.example"),
        ("a@b.example", r"a\[@\]b.example"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("a | b", r"a \| b"),
        ("one\n\n# Approved", r"one \# Approved"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("1000) item", r"1000\) item"),
        ("===", r"\==="),
        ("`code` *bold* _it_ ~~no~~", r"\`code\` \*bold\* \_it\_ \~\~no\~\~"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("a\\", "a\\\\"),
        ("\u202egood", r"\[U+202E\]good"),
        ("Joint exposure in consumer lending, 2026-w47: 1.0.9", "Joint exposure in consumer lending, 2026-w47: 1.0.9"),
    ],
)
def test_a_text_is_no_markup(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_values_are_escaped_once() -> None:
    row = markdown("| {a} |", a="x | y")
    assert markdown("## {title}\n{rows}", title="# *a*", rows=[row, row]) == (
        "## \\# \\*a\\*\n| x \\| y |\n| x \\| y |"
    )
    assert isinstance(row, Markdown)


# --- HTML -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", [PAGES, TEMPLATES], ids=["reports", "owners' pages"])
def test_pages_show_what_hides_in_the_cells_of_a_table(environment: Environment) -> None:
    template = environment.from_string("<td>{{ cell }}</td>{{ svg | safe }}{{ number }}")
    html = template.render(cell="<b>\u202egood\x1b", svg="<svg/>", number=3)
    assert html == "<td>&lt;b&gt;[U+202E]good[U+001B]</td><svg/>3"
