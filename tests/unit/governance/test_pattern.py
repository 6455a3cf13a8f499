"""A contract's pattern describes whole cells, in one pass over each; what no single pass can check is refused."""

from __future__ import annotations

import re
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.data.patterns import written_by
from counterfoil.governance.contracts.pattern import MOST_PLACES, PatternError, whole_cell

SAME = (
    "^[0-9]{4}$", "[0-9]{4}", "^(a|bc){2,3}?-x$", r"^\d{2}\.\w+\s?$", "^.{3}$", "", "^$", "abc|d", "a{,3}b", r"\.\-\[",
    r"^(?:DE|FR)-[^\W_]{4}$", "^[^a-c]*$", "(?i)straße", "(?i:ab)C", "(?s).", "(?P<y>[0-9])", r"\Aab\Z", "x*y+z?",
    r"[\]\\^-]+", r"\bab\b", "^é+$", "a\tb", "(?m)^a$",
)  # fmt: skip
CELLS = (
    "", "0007", "0007\n", "x0007", "00070", "0007 ", "aabc-x", "bcbc-x", "12.ab", "12.ab ", "abc", "d", "bc", "aaab",
    "{,3}b", ".-[", "DE-ab12", "DE-a_12", "STRASSE", "STRAßE", "ABC", "abC", "\n", "5", "ab", "ab\n", "xxyz", "]\\^-",
    "éé", "a\tb", "a", "a\nb", "☃☃☃",
)  # fmt: skip


@pytest.mark.parametrize("pattern", SAME)
def test_a_pattern_means_what_it_means_to_python_for_the_whole_cell(pattern: str) -> None:
    found = written_by(pattern, pa.array(CELLS)).to_pylist()
    assert found == [re.fullmatch(pattern, cell, re.ASCII if r"\w" in pattern else 0) is not None for cell in CELLS]


def test_a_line_end_behind_the_text_is_not_the_end_of_the_cell() -> None:
    assert written_by("^[0-9]{4}$", pa.array(["0007\n", "0007\r", "0007\u2028", None])).to_pylist() == [
        False,
        False,
        False,
        None,
    ]


def test_classes_are_ascii_and_letters_are_those_of_unicode() -> None:
    """A full-width digit is not what an owner means by a digit; a letter is one however it is composed."""
    assert written_by(r"\d+", pa.array(["12", "１２", "١٢"])).to_pylist() == [True, False, False]
    assert written_by("José", pa.array(["José", "Jose\u0301"])).to_pylist() == [True, True]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("^(?=x)y$", "look-around"),
        ("^(?!a)b$", "look-around"),
        ("a(?<=b)", "look-around"),
        (r"^(a|b)\1$", "a back-reference"),
        ("(a)?(?(1)b|c)", "a condition"),
        ("a++b", "a possessive repeat"),
        ("(?>a|ab)c", "an atomic group"),
        ("[[:alpha:]]", "put a backslash before it"),
        ("[a--b]", "put a backslash before it"),
        (r"\pL", "not a regular expression: bad escape"),
        ("(", "not a regular expression: missing"),
        ("a{2000}", "repeats something more than 1000 times"),
        ("(?:a{100}){11}", "repeats something more than 1000 times"),
        ("(?:[0-9][a-z][A-Z]){900}", "describes more than 2000 characters"),
        ("(" * 2000 + ")" * 2000, "not a regular expression"),
    ],
)
def test_what_no_single_pass_can_check_is_refused_by_name(pattern: str, words: str) -> None:
    with pytest.raises(PatternError, match=words):
        whole_cell(pattern)


@pytest.mark.parametrize("cell", ["(?:(?:a|aa)+)+b", "(a*)*b", "(x+x+)+y", "(.*.*.*.*.*.*)=", "([a-zA-Z]+)*$1"])
def test_a_pattern_built_to_backtrack_stalls_nobody(cell: str) -> None:
    begun = time.process_time()
    assert written_by(cell, pa.array(["a" * 50_000, "x" * 50_000])).to_pylist() == [False, False]
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("piece", ["[^a]", ".", r"\S", "[а-яё]", "(?i:ж)", "[\U00010000-\U0010ffff]"])
def test_the_largest_pattern_that_is_let_through_fits_into_the_engine(piece: str) -> None:
    widest = f"(?:{piece}){{1000}}(?:{piece}){{{MOST_PLACES - 1000}}}"
    assert written_by(widest, pa.array([""])).to_pylist() == [False]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text("a[]{}()|*+?^$\\.,-:0123=!<dwsZ", max_size=12), st.text("a0-b \n", max_size=6))
def test_any_pattern_is_refused_or_means_the_same(pattern: str, cell: str) -> None:
    try:
        whole_cell(pattern)
    except PatternError:
        return
    assert written_by(pattern, pa.array([cell]))[0].as_py() == (re.fullmatch(pattern, cell, re.ASCII) is not None)
