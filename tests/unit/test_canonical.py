"""Canonical bytes and the safe reading of YAML: RFC 8785's examples, and everything clever refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.canonical import MAX_DEPTH, MAX_YAML_BYTES, Json, Ref, bind, check_id, digest, jcs, load_yaml
from counterfoil.errors import DocumentError

# --- JCS --------------------------------------------------------------------------------------------------------


def test_rfc8785_section_3_2_example() -> None:
    value: dict[str, Json] = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert (
        jcs(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_rfc8785_section_3_2_3_sorts_by_utf_16() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(jcs(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_rfc8785_numbers(bits: str, text: str) -> None:
    assert jcs(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == text


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 2**53, -(2**53), {"a": 2**64 - 1}, "\ud800"]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(DocumentError):
        jcs(value)


def test_nesting_without_end_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(DocumentError):
        jcs(value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_json_is_a_fixed_point(value: Any) -> None:
    raw = jcs(value)
    assert jcs(json.loads(raw, parse_int=float)) == raw


# --- ids, references, binding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "0", "bank-a", "a" * 64, "0f3a", "a--b"])
def test_ids(text: str) -> None:
    assert check_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", "A", "a_b", "a.b", "..", "a/b", "a\n", " a", "ä", "a" * 65, None, 5, b"a"]
)
def test_everything_else_is_no_id(text: Any) -> None:
    with pytest.raises(DocumentError):
        check_id(text)


def test_a_refused_id_is_shown_only_if_that_is_harmless() -> None:
    with pytest.raises(DocumentError, match="'Bank A'"):
        check_id("Bank A")
    for text in ("x" * 1000, "\x1b[2J"):
        with pytest.raises(DocumentError, match="not shown") as caught:
            check_id(text)
        assert text not in str(caught.value)


def test_references_round_trip() -> None:
    ref = Ref("envelope", "bank-a", digest(b"x"))
    assert Ref.parse(str(ref)) == ref
    for bad in ("", "a:b", f"a:b:{'0' * 63}", f"a:b:{'A' * 64}", f"A:b:{'0' * 64}", f"a:b:c:{'0' * 64}", "x" * 300):
        with pytest.raises(DocumentError):
            Ref.parse(bad)


@given(st.lists(st.binary(max_size=5), max_size=5), st.lists(st.binary(max_size=5), max_size=5))
def test_no_two_lists_of_fields_are_bound_alike(left: list[bytes], right: list[bytes]) -> None:
    assert (bind("tag", *left) == bind("tag", *right)) == (left == right)
    assert bind("tag", *left) != bind("tag/2", *left)


# --- YAML -------------------------------------------------------------------------------------------------------


def test_plain_yaml_with_lines() -> None:
    document = load_yaml(b"a:\n  - b: 1\n    c: x\nd: null\n", "file.yaml")
    assert document.value == {"a": [{"b": 1, "c": "x"}], "d": None}
    assert document.line(("a", 0, "c")) == 3
    assert document.line(("a", 0, "missing")) == 2
    assert document.where(("a", 0, "c")) == "file.yaml:3: a[0].c"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", "Null"),
        ("1", 1),
        ("-0", 0),
        ("+5", 5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("0x10", "0x10"),
        ("010", "010"),
        ("0o10", "0o10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
    ],
)
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    loaded = load_yaml(f"key: {text}\n".encode(), "f").value["key"]
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize("text", ["no: 1", "2026-11-22: 1", "1: 1", "true: 1", "null: 1"])
def test_keys_are_text(text: str) -> None:
    assert list(load_yaml(text.encode(), "f").value) == [text.split(":", maxsplit=1)[0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "f:1: anchors"),
        ("a: 1\nb: *x\n", "f:2: anchors"),
        ("a: &x [1]\n", "f:1: anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", "f:1: tags"),
        ("a: !!str 1\n", "f:1: tags"),
        ("!custom\na: 1\n", "tags"),
        ("a: 1\na: 2\n", "f:2: the key 'a' is there twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "f:4: the key 'b' is there twice"),
        ("<<: {a: 1}\n", "f:1: merge keys"),
        ("? [1, 2]\n: 3\n", "f:1: a key must be plain text"),
        ("? {a: 1}\n: 3\n", "f:1: a key must be plain text"),
        ("a: 1\n---\nb: 2\n", "exactly one YAML document"),
        ("", "exactly one YAML document"),
        ("# nothing\n", "exactly one YAML document"),
        ("a: [1\n", "not valid YAML"),
        ("a: 'x\n", "not valid YAML"),
        ("\ta: 1\n", "not valid YAML"),
        ("a: 1e999\n", "f:1: the number is too large"),
        ("a: \x00\n", "not valid YAML"),
    ],
)
def test_everything_clever_is_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_yaml(text.encode(), "f")
    assert message in str(caught.value)


def test_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    with pytest.raises(DocumentError, match="f:1: anchors"):
        load_yaml("\n".join(lines).encode(), "f")


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1, 100_000])
def test_depth(levels: int) -> None:
    raw = b"[" * levels + b"]" * levels
    if levels == MAX_DEPTH:
        assert load_yaml(raw, "f").value is not None
    else:
        with pytest.raises(DocumentError):
            load_yaml(raw, "f")


def test_size_and_encoding() -> None:
    padding = b"#" * (MAX_YAML_BYTES - 5)
    assert load_yaml(b"a: 1\n" + padding, "f").value == {"a": 1}
    with pytest.raises(DocumentError, match=str(MAX_YAML_BYTES)):
        load_yaml(b"a: 1\n" + padding + b"#", "f")
    for raw in (b"a: \xff\n", "a: 1".encode("utf-16")):
        with pytest.raises(DocumentError, match="UTF-8"):
            load_yaml(raw, "f")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        load_yaml(raw, "f")
    except DocumentError as error:
        assert str(error).startswith("f")


@given(st.text("ab:-[]{}&*!|>'\"# \n?,%@`~0123456789.eE+<", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    try:
        value = load_yaml(text.encode(), "f").value
    except DocumentError as error:
        assert str(error).startswith("f")
    else:
        json.dumps(value, allow_nan=False)


def test_what_one_reader_changes_no_other_reader_sees() -> None:
    raw = b"a: {b: [1, {c: 2}]}\n"
    changed = load_yaml(raw, "x.yaml").value
    changed["a"]["b"][1]["c"] = 3
    changed["a"]["b"].append(4)
    assert load_yaml(raw, "x.yaml").value == {"a": {"b": [1, {"c": 2}]}}
    assert load_yaml(raw, "y.yaml").where(("a", "b", 1)) == "y.yaml:1: a.b[1]"
