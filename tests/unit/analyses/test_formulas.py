"""Formulas mean what formulaic, as statsmodels and R do, reads in them; what is not read is refused by its name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix

from counterfoil.analyses.formulas.coding import Made, coded, every
from counterfoil.analyses.formulas.formula import read
from counterfoil.errors import PlanError
from tests.lib.trials import dice

VALUES = {"g": (0, 1, 2), "h": (0, 1), "k": (1, 2, 3, 4)}
ROWS = pd.DataFrame({name: dice(1).choice(each, 60) for name, each in VALUES.items()}).assign(
    x=dice(2).integers(-9, 9, 60), z=dice(3).integers(0, 5, 60), y=dice(4).integers(0, 99, 60)
)

PARTS = ["x", "z", "C(g)", "C(h)", "C(k)", "x:z", "x*C(g)", "C(g):C(h)", "x:C(h)", "C(h)*C(g)", "z:C(g):C(h)", "x:x",
         "C(k):x", "x*z*C(h)"]  # fmt: skip


def matrix(made: list[Made], intercept: bool) -> np.ndarray:
    columns = [np.ones(len(ROWS))] if intercept else []
    for each in made:
        own = np.prod([ROWS[name] for name in each.numbers], axis=0) * np.ones(len(ROWS))
        for name, value in each.values:
            own = own * (ROWS[name] == value)
        columns.append(own)
    return np.column_stack(columns)


def as_set(found: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(map(tuple, found.T))


def at_random(seed: int) -> str:
    rng = dice(seed)
    parts = rng.choice(PARTS, int(rng.integers(1, 5)), replace=False).tolist()
    return "y ~ " + " + ".join(parts) + ["", " - 1", " + 0", " + 1"][int(rng.integers(4))]


@pytest.mark.parametrize("seed", range(80))
def test_a_formula_means_what_formulaic_reads(seed: int) -> None:
    text = at_random(seed)
    formula = read(text)
    wanted = model_matrix(text.partition("~")[2], ROWS).to_numpy(float)
    found = matrix(coded(formula, VALUES), formula.intercept)
    assert found.shape == wanted.shape, text
    both = np.column_stack([found, wanted])
    assert np.linalg.matrix_rank(both) == np.linalg.matrix_rank(wanted) == np.linalg.matrix_rank(found), text


@pytest.mark.parametrize("text", [
    "y ~ x + z", "y ~ x * z", "y ~ C(g)", "y ~ x + C(g) + x:z", "y ~ x * C(g)", "y ~ C(g) - 1", "y ~ 0 + x", "y~x:C(g)",
    "y ~ C(g) + C(h) + C(g):C(h)", "y ~ - 1 + x",
])  # fmt: skip
def test_its_columns_are_formulaics(text: str) -> None:
    formula = read(text)
    wanted = model_matrix(text.partition("~")[2], ROWS).to_numpy(float)
    assert as_set(matrix(coded(formula, VALUES), formula.intercept)) == as_set(wanted)


def test_every_value_has_a_column_among_what_a_model_is_made_of() -> None:
    formula = read("y ~ x * C(g)")
    assert every(formula, VALUES) == [
        Made(("x",)), *(Made((), (("g", at),)) for at in range(3)), *(Made(("x",), (("g", at),)) for at in range(3))
    ]  # fmt: skip
    found, own = matrix(every(formula, VALUES), True), matrix(coded(formula, VALUES), True)
    assert np.linalg.matrix_rank(np.column_stack([found, own])) == np.linalg.matrix_rank(found)


def test_names_that_are_none_are_quoted() -> None:
    formula = read("`amount due` ~ `x-1` + C(`g-1`)")
    assert formula.columns == ("amount due", "x-1", "g-1")
    assert [each.coded for term in formula.terms for each in term] == [False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y", "one '~'"),
        ("y ~ x ~ z", "one '~'"),
        ("y ~", "ends where it should name a column"),
        ("y ~ 1", "names at least one column"),
        ("~ x", "the response"),
        ("log(y) ~ x", "no log"),
        ("y + z ~ x", "names one column, the response"),
        ("y ~ np.log(x)", "no np.log"),
        ("y ~ I(x ** 2)", "no I"),
        ("y ~ x ** 2", "no powers"),
        ("y ~ x^2", "no powers"),
        ("y ~ a/b", "write a \\+ a:b"),
        ("y ~ (x + z)", "no parentheses"),
        ("y ~ x - z", "leave the term out"),
        ("y ~ .", "name each column"),
        ("y ~ x + 2", "no '2' here"),
        ("y ~ x z", "write '\\+', '\\*' or ':' before 'z'"),
        ("y ~ x +", "ends where"),
        ("y ~ C(g, Treatment('b'))", "C\\(\\) takes one column"),
        ("y ~ C(g", "C\\(\\) takes one column"),
        ("y ~ y + x", "the response 'y' is among"),
        ("y ~ C(x) + x:z", "'x' is in C\\(\\) and not"),
        ("y ~ x | z", "random effects"),
        ("y ~ __import__('os').system('id')", "no __import__"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        read(text)
