"""Texts that look alike are one text, and keys that are spelt alike one person, by rules that settle at once."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.governance.contracts.key_spelling import AS_WRITTEN, KeySpelling, look, visible

SPELLINGS = (AS_WRITTEN, KeySpelling(), KeySpelling(" -./", "upper", leading_zeros=False), KeySpelling("x", "lower"))
ODD = st.sampled_from("aA0-x éßΣςİıŉſ \u0301\u0345\u200b\u00a0\ufeff–")
LETTERS = st.text(st.one_of(st.characters(exclude_categories=("Cs",)), ODD), max_size=8)


@pytest.mark.parametrize(
    "written",
    [
        "Jose\u0301 7", "Jos\u00e9\u00a07", "\ufeffJos\u00e9 7", "Jos\u00e9\u200b 7", "Jos\u00e9 7\n",
        "\r\nJos\u00e9 7 ",
        "Jos\u00e9\u2003 7", "Jos\u00e9 7\u2028", "Jo\u00ads\u00e9 7", "Jos\u00e9\t7", "\u202eJos\u00e9 7",
        "J\u3164os\u00e9 7",
        "Jose\u200d\u0301 7", "Jos\u00e9 7\ufe0f", "Jos\u00e9 7\x00",
    ],
)  # fmt: skip
def test_what_nobody_sees_does_not_tell_texts_apart(written: str) -> None:
    assert visible(written) == "Jos\u00e9 7"
    for spelling in SPELLINGS:
        assert spelling.apply(written) == spelling.apply("Jos\u00e9 7")


@pytest.mark.parametrize("nothing", ["", " ", "\n", "\u200b", "\u00a0\ufeff", "\u3164", "\u2800", "\x1b"])
def test_a_text_in_which_nothing_is_seen_is_empty(nothing: str) -> None:
    assert visible(nothing) == ""
    assert all(not spelling.apply(nothing) for spelling in SPELLINGS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AB12", "\uff21\uff22\uff11\uff12"), ("12", "\u0661\u0662"), ("AB-12", "AB\u201312"), ("AB-12", "AB\u221212"),
        ("fi", "\ufb01"),
    ],
)  # fmt: skip
def test_by_key_spelling_full_width_letters_digits_and_dashes_are_plain_ones(one: str, other: str) -> None:
    assert KeySpelling().apply(one) == KeySpelling().apply(other)
    assert AS_WRITTEN.apply(one) != AS_WRITTEN.apply(other)
    assert look(one) == look(other.upper())


def test_case_is_that_of_unicode() -> None:
    for case in ("upper", "lower"):
        spelling = KeySpelling(case=case)
        assert spelling.apply("Stra\u00dfe") == spelling.apply("STRASSE")
        assert spelling.apply("\u039f\u0394\u039f\u03a3") == spelling.apply("\u03bf\u03b4\u03bf\u03c2")
    assert KeySpelling(case="upper").apply("ab") == "AB"


def test_what_is_dropped_is_dropped_in_any_case_and_form() -> None:
    assert {KeySpelling("x ", "upper").apply(key) for key in ("AxB", "AXB", "a b", "A\uff38\u00a0B")} == {"AB"}
    assert KeySpelling("-").apply("--") != KeySpelling("-").apply("-")
    assert {KeySpelling(leading_zeros=False).apply(key) for key in ("000", "0", " 00", "\uff10")} == {"0"}


@settings(max_examples=300, derandomize=True, deadline=None)
@given(LETTERS)
def test_a_spelling_settles_at_once_and_no_form_of_a_text_escapes_it(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    for spelling in SPELLINGS:
        spelt = spelling.apply(text)
        assert spelling.apply(spelt) == spelt
        for form in ("NFC", "NFD", *(("NFKC", "NFKD") if spelling.form == "NFKC" else ())):
            assert spelling.apply(unicodedata.normalize(form, text)) == spelt
        if spelling.case:
            assert spelling.apply(text.swapcase().swapcase()) == spelling.apply(text.swapcase())
        assert spelling.apply("\u200b".join(text) + "\n") == spelt
