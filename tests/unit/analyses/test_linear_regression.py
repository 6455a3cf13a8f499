"""Linear regressions by formula: against statsmodels and NIST, with named outcomes, and judged by all their sums."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from counterfoil.analyses.base import Result
from counterfoil.analyses.formulas.moments import BLOCK, ExactMoments
from counterfoil.analyses.registry import build
from counterfoil.analyses.sums.regression_table import INTERCEPT
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.features import Feature
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.forms.display import Display
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.mpc.circuits.numeric.wide import DIGIT_BITS
from counterfoil.report.pages.displayed import displayed
from tests.lib.trials import dice
from tests.spec.circuit_spec import SUITES
from tests.spec.test_regression import NORRIS
from tests.unit.analyses.fitting import BARE, contract_of, fit, split
from tests.unit.analyses.judging import planned

G, H = ["north", "east", "south"], ["car", "card"]
COLUMNS: dict[str, Any] = {"y": (-5_000, 5_000, 1), "x": (0, 1_000), "z": (-50, 50), "f": (0, 1), "g": G, "h": H}
CONTRACT = contract_of(COLUMNS)
RULES = Rules(**{**OFF, "safe_threshold": 10, "safe_owners": 1})


def rows_of(seed: int, count: int = 300) -> pd.DataFrame:
    rng = dice(seed)
    g, h = rng.choice(G, count), rng.choice(H, count)
    x, z, f = rng.integers(0, 1001, count), rng.integers(-50, 51, count), rng.integers(0, 2, count)
    y = 20 * x - 30 * z + 900 * (g == "east") + 2 * x * (h == "card") + 400 * f + rng.normal(0, 3_000, count)
    return pd.DataFrame(
        {"y": np.clip(np.rint(y), -50_000, 50_000).astype(np.int64), "x": x, "z": z, "f": f, "g": g, "h": h}
    )


def by_statsmodels(formula: str, frame: pd.DataFrame, contract: Contract) -> Any:
    """The fit of the columns in their own units, with the contract's categories in their order."""
    own = frame.copy()
    for column in contract.columns:
        if column.categories:
            own[column.name] = pd.Categorical(own[column.name], list(column.categories))
        else:
            own[column.name] = own[column.name] / 10**column.resolution if column.resolution else own[column.name]
    return smf.ols(formula, own).fit()


def ours(name: str) -> str:
    """What statsmodels calls a coefficient, as we do."""
    if name == "Intercept":
        return INTERCEPT
    parts = [part.replace("[T.", " = ").replace("[", " = ").replace("]", "") for part in name.split(":")]
    parts = [part.replace("C(", "").replace(")", "") for part in parts]
    return " : ".join(sorted(parts, key=lambda part: " = " in part))


def by_term(result: Result) -> pd.DataFrame:
    """The table of coefficients, with the step of each."""
    table = result.tables[0]
    return table.frame.assign(step=table.measures["estimate"].bounds).set_index("term")


def assert_is(result: Result, wanted: Any, digits: float = 1e-6) -> None:
    """That what is shown is statsmodels' answer, to the nearest step."""
    table, fitted = by_term(result), result.tables[1].frame.iloc[0]
    assert set(table.index) == set(map(ours, wanted.params.index))
    for name in wanted.params.index:
        line = table.loc[ours(name)]
        step = line["step"]
        for column, exact in (("estimate", wanted.params[name]), ("standard error", wanted.bse[name])):
            assert abs(float(line[column]) - exact) <= 0.501 * step + digits * abs(exact), (name, column)
        assert (
            float(line["from"]) <= wanted.conf_int().loc[name, 0] <= wanted.conf_int().loc[name, 1] <= float(line["to"])
        )
        assert float(line["to"]) - float(line["from"]) == pytest.approx(
            np.diff(wanted.conf_int().loc[name]).item(), rel=1e-4, abs=20 * step
        )
    assert fitted["rows"] == wanted.nobs and fitted["degrees of freedom"] == wanted.df_resid
    # Without an intercept squares are counted from 0, as in R; statsmodels counts from the mean where it finds one.
    through = "Intercept" not in wanted.params.index
    share = 1 - wanted.ssr / wanted.uncentered_tss if through else wanted.rsquared
    assert fitted["R²"] == pytest.approx(share, abs=0.00051)
    step = result.tables[1].measures["residual standard error"].bound
    assert float(fitted["residual standard error"]) == pytest.approx(np.sqrt(wanted.scale), rel=1e-6, abs=0.501 * step)


FORMULAS = [
    "y ~ x", "y ~ x + z", "y ~ x * z", "y ~ C(g)", "y ~ x + g + f", "y ~ x + C(g) + x:z", "y ~ x * C(h)", "y ~ x - 1",
    "y ~ C(g) - 1", "y ~ x + z - 1", "y ~ C(g) * C(h)", "f ~ x + C(g)", "y ~ x + C(f) + h",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_fit_is_statsmodels_to_the_nearest_step(formula: str) -> None:
    for seed in range(3):
        frame = rows_of(seed)
        result, _, _ = fit(formula, split(frame), CONTRACT)
        assert_is(result, by_statsmodels(formula, frame, CONTRACT))


@pytest.mark.parametrize("suite", [each for each in SUITES if each != "plain"])
def test_every_suite_fits_the_same(suite: str) -> None:
    frame = rows_of(7)
    for formula in ("y ~ x * C(h) + z", "y ~ x - 1"):
        result, _, _ = fit(formula, split(frame), CONTRACT, suite=suite)
        assert_is(result, by_statsmodels(formula, frame, CONTRACT))


def adverse(name: str, rng: np.random.Generator) -> tuple[Contract, pd.DataFrame]:
    """Tables as they may come: values at their bounds, scales that are far apart, few rows, skewed columns."""
    n = 200
    if name == "scales far apart":
        contract = contract_of({"y": (0, 10**12), "x": (0, 10**9), "z": (0, 3)})
        frame = {"x": rng.integers(0, 10**9, n), "z": rng.integers(0, 4, n)}
        return contract, pd.DataFrame(
            frame | {"y": frame["x"] * 300 + frame["z"] * 10**10 + rng.integers(0, 10**11, n)}
        )
    if name == "outliers at the bounds":
        contract = contract_of({"y": (0, 10**6), "x": (-(10**6), 10**6), "z": (0, 10)})
        x, y = rng.integers(-9, 10, n), rng.integers(0, 99, n)
        x[:3], y[:3] = (10**6, -(10**6), 10**6), (10**6, 0, 10**6)
        return contract, pd.DataFrame({"y": y, "x": x, "z": rng.integers(0, 11, n)})
    if name == "bounds far away":
        contract = contract_of({"y": (-(10**9), 10**9), "x": (-(10**9), 10**9), "z": (0, 10**6)})
        x, z = rng.integers(0, 5_000, n), rng.integers(0, 900, n)
        return contract, pd.DataFrame({"y": 3 * x - z + rng.integers(-500, 500, n), "x": x, "z": z})
    if name == "few rows":
        contract = contract_of({"y": (0, 100), "x": (0, 100), "z": (0, 100)})
        return contract, pd.DataFrame({each: rng.integers(0, 101, 5) for each in ("y", "x", "z")})
    contract = contract_of({"y": (0, 10**6), "x": (0, 10**6), "z": (0, 10**6)})
    x = rng.lognormal(5, 2, n).astype(np.int64).clip(0, 10**6)
    return contract, pd.DataFrame(
        {"y": (x // 2 + rng.integers(0, 500, n)).clip(0, 10**6), "x": x, "z": x // 3 + rng.integers(0, 2_000, n)}
    )


@pytest.mark.parametrize(
    "name", ["scales far apart", "outliers at the bounds", "bounds far away", "few rows", "skewed"]
)
def test_adverse_tables_are_fitted_to_the_nearest_step(name: str) -> None:
    for seed in range(4):
        contract, frame = adverse(name, dice(seed))
        result, opened, _ = fit("y ~ x + z", split(frame), contract, digits=9)
        assert opened["outcome"] == 5, f"SEED={seed}"
        assert_is(result, by_statsmodels("y ~ x + z", frame, contract))


# --- NIST StRD --------------------------------------------------------------------------------------------------------

PONTIUS = [
    11019, 21956, 32949, 43899, 54803, 65694, 76562, 87487, 98292, 109146, 120001, 130822, 141599, 152399, 163194,
    173947, 184646, 195392, 206128, 216844, 11052, 22018, 32939, 43886, 54798, 65739, 76596, 87474, 98300, 109150,
    120004, 130818, 141613, 152408, 163159, 173965, 184696, 195445, 206177, 216829,
]  # fmt: skip


def six_digits(result: Result, certified: dict[str, tuple[float, float]], residual: float) -> None:
    """That each number has six digits of the certified one, as far as its steps are so fine."""
    table, fitted = by_term(result), result.tables[1].frame.iloc[0]
    for term, numbers in certified.items():
        for name, wanted in zip(("estimate", "standard error"), numbers, strict=True):
            step = table.loc[term, "step"]
            assert abs(float(table.loc[term, name]) - wanted) <= 1e-6 * abs(wanted) + 0.501 * step, (term, name)
            assert step < 1e-5 * abs(wanted)
    step = result.tables[1].measures["residual standard error"].bound
    assert abs(float(fitted["residual standard error"]) - residual) <= 1e-6 * residual + 0.501 * step


def test_norris_has_six_digits() -> None:
    frame = pd.DataFrame(np.rint(np.array(NORRIS) * 10).astype(np.int64), columns=["x", "y"])
    result, _, _ = fit("y ~ x", split(frame), contract_of({"y": (-1, 999, 1), "x": (0, 999, 1)}), digits=9)
    six_digits(result, {"x": (1.00211681802045, 0.429796848199937e-3),
                        INTERCEPT: (-0.262323073774029, 0.232818234301152)}, 0.884796396144373)  # fmt: skip


def test_pontius_has_six_digits() -> None:
    x = np.tile(np.arange(1, 21), 2) * 150_000
    frame = pd.DataFrame({"y": PONTIUS, "x": x, "square": x * x})
    contract = contract_of({"y": (0, 2.5, 5), "x": (0, 3 * 10**6), "square": (0, 9 * 10**12)})
    result, _, _ = fit("y ~ x + square", split(frame), contract, digits=9)
    certified = {
        "x": (0.732059160401003e-06, 0.157817399981659e-09),
        "square": (-0.316081871345029e-14, 0.486652849992036e-16),
        INTERCEPT: (0.673565789473684e-03, 0.107938612033077e-03),
    }
    six_digits(result, certified, 0.205177424076185e-03)


@pytest.mark.parametrize(
    ("x", "y", "certified", "residual"),
    [
        (np.arange(60, 71), np.arange(130, 141), (2.07438016528926, 0.165289256198347e-01), 3.56753034006338),
        (np.array([4, 5, 6]), np.array([3, 4, 4]), (0.727272727272727, 0.420827318078432e-01), 0.369274472937998),
    ],
    ids=["NoInt1", "NoInt2"],
)
def test_lines_through_the_origin_have_six_digits(
    x: Any, y: Any, certified: tuple[float, float], residual: float
) -> None:
    contract = contract_of({"y": (0, int(y.max())), "x": (0, int(x.max()))})
    result, _, _ = fit("y ~ x - 1", split(pd.DataFrame({"y": y, "x": x})), contract, digits=9)
    six_digits(result, {"x": certified}, residual)


FILIP = [
    -6.860120914, -4.324130045, -4.358625055, -4.358426747, -6.955852379, -6.661145254, -6.355462942, -6.118102026,
    -7.115148017, -6.815308569, -6.519993057, -6.204119983, -5.853871964, -6.109523091, -5.79832982, -5.482672118,
    -5.171791386, -4.851705903, -4.517126416, -4.143573228, -3.709075441, -3.499489089, -6.300769497, -5.953504836,
    -5.642065153, -5.031376979, -4.680685696, -4.329846955, -3.928486195, -8.56735134, -8.363211311, -8.107682739,
    -7.823908741, -7.522878745, -7.218819279, -6.920818754, -6.628932138, -6.323946875, -5.991399828, -8.781464495,
    -8.663140179, -8.473531488, -8.247337057, -7.971428747, -7.676129393, -7.352812702, -7.072065318, -6.774174009,
    -6.478861916, -6.159517513, -6.835647144, -6.53165267, -6.224098421, -5.910094889, -5.598599459, -5.290645224,
    -4.974284616, -4.64454848, -4.290560426, -3.885055584, -3.408378962, -3.13200249, -8.726767166, -8.66695597,
    -8.511026475, -8.165388579, -7.886056648, -7.588043762, -7.283412422, -6.995678626, -6.691862621, -6.392544977,
    -6.067374056, -6.684029655, -6.378719832, -6.065855188, -5.752272167, -5.132414673, -4.811352704, -4.098269308,
    -3.66174277, -3.2644011,
]  # fmt: skip
FILIP_Y = [
    8116, 9072, 9052, 9039, 8053, 8377, 8667, 8809, 7975, 8162, 8515, 8766, 8885, 8859, 8959, 8913, 8959, 8971, 9021,
    9090, 9139, 9199, 8692, 8872, 8900, 8910, 8977, 9035, 9078, 7675, 7705, 7713, 7736, 7775, 7841, 7971, 8329, 8641,
    8804, 7668, 7633, 7678, 7697, 7700, 7749, 7796, 7897, 8131, 8498, 8741, 8061, 8460, 8751, 8856, 8919, 8934, 8940,
    8957, 9047, 9129, 9209, 9219, 7739, 7681, 7665, 7703, 7702, 7761, 7809, 7961, 8253, 8602, 8809, 8301, 8664, 8834,
    8898, 8964, 8963, 9074, 9119, 9228,
]  # fmt: skip
WAMPLER_3 = [
    760, -2042, 2111, -1684, 3888, 1858, 11379, 17560, 39287, 64382, 113159, 175108, 273291, 400186, 581243, 811568,
    1121004, 1506550, 2002767, 2611612, 3369180,
]  # fmt: skip


def powers(x: np.ndarray, degree: int, digits: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of powers, to so many decimal places of each, and their bounds."""
    columns = {
        f"p{power}": np.array([round(int(each) ** power if not digits else each**power * 10.0**digits) for each in x])
        for power in range(1, degree + 1)
    }
    return columns, {name: (int(each.min()), int(each.max())) for name, each in columns.items()}


def test_filip_and_wampler_are_refused_by_name() -> None:
    x = np.arange(21)
    tables = [(np.array(FILIP), 10, 4, np.array(FILIP_Y))]
    wampler_1 = sum(x**power for power in range(6))
    tables += [(x, 5, 0, wampler_1), (x, 5, 0, np.array(WAMPLER_3))]
    for x, degree, digits, y in tables:
        columns, bounds = powers(x, degree, digits)
        contract = contract_of(bounds | {"y": (int(y.min()), int(y.max()))})
        frame = pd.DataFrame(columns | {"y": y})
        result, _, _ = fit("y ~ " + " + ".join(columns), split(frame), contract)
        assert result.findings[0].startswith("There is no fit: some columns of the model follow from others, or nearly")
        assert result.tables[0].frame[["estimate", "standard error"]].isna().to_numpy().all()


# --- named outcomes ---------------------------------------------------------------------------------------------------


def said(formula: str, frame: pd.DataFrame, contract: Contract = CONTRACT, rules: Rules = BARE) -> str:
    """What a recipient is told of a model that has no fit; no number of it is shown."""
    result, opened, _ = fit(formula, split(frame), contract, rules)
    for name in ("estimate", "error", "residual", "explained"):
        assert not opened[name].any()
    assert result.tables[0].frame[["estimate", "standard error", "from", "to", "t", "p"]].isna().to_numpy().all()
    assert result.tables[1].frame.drop(columns="rows").isna().to_numpy().all()
    return " ".join((*result.findings, *result.assumptions))


def test_there_are_no_more_rows_than_coefficients() -> None:
    assert "no more rows than coefficients" in said("y ~ x", rows_of(1, 2))
    assert "no more rows than coefficients" in said("y ~ x * z + f", rows_of(1, 5))


def test_a_column_does_not_vary() -> None:
    assert "x does not vary over these rows. It is over 300 rows." in said("y ~ x + z", rows_of(1).assign(x=7))
    assert "y does not vary" in said("y ~ x + z", rows_of(1).assign(y=7))
    assert "x does not vary and z does not vary" in said("y ~ x + z", rows_of(1).assign(x=7, z=0))


def test_a_category_is_never_seen() -> None:
    frame = rows_of(1)
    frame.loc[frame["g"] == "south", "g"] = "east"
    assert "g = south has no row" in said("y ~ x + C(g)", frame)
    frame.loc[frame["g"] == "north", "g"] = "south"
    assert "follow from others" in said("y ~ x + C(g)", frame)  # nobody to compare others with


def test_columns_follow_from_others() -> None:
    frame = rows_of(1)
    assert "follow from others" in said("y ~ x + z", frame.assign(x=frame["z"] * 2 + 200))
    assert "follow from others" in said(
        "y ~ C(g) + C(h)", frame.assign(h=np.where(frame["g"] == "east", "car", "card"))
    )


def test_columns_determine_the_response() -> None:
    frame = rows_of(1)
    assert "the columns determine y" in said("y ~ x + z", frame.assign(y=frame["x"] * 3 + frame["z"]))


def test_a_number_is_too_large() -> None:
    contract = contract_of({"y": (0, 10**6), "x": (0, 1 << 45)})
    frame = pd.DataFrame({"y": dice(1).integers(0, 10**6, 90), "x": (1 << 44) + np.arange(90) % 3})
    assert "much farther from 0 than it varies" in said("y ~ x", frame, contract)


def test_one_owner_alone_has_rows() -> None:
    frame = rows_of(1)
    alone = [frame, frame.head(0), frame.head(0)]
    result, opened, _ = fit("y ~ x", alone, CONTRACT)
    assert_is(result, by_statsmodels("y ~ x", frame, CONTRACT))
    result, opened, _ = fit("y ~ x", alone, CONTRACT, dataclasses.replace(BARE, safe_owners=2))
    assert result.findings == ("No fit can be shown: a disclosure rule forbids it.",) and not opened["safe"]


def test_nobody_has_rows() -> None:
    assert "no more rows than coefficients" in said("y ~ x", rows_of(1).head(0))
    rules = dataclasses.replace(BARE, zeros_are_disclosive=True)
    assert "a disclosure rule forbids it" in said("y ~ x", rows_of(1).head(0), rules=rules)


def test_one_row_has_no_fit() -> None:
    assert "no more rows than coefficients" in said("y ~ x", rows_of(1, 1))
    assert "a disclosure rule forbids it" in said("y ~ x", rows_of(1, 1), rules=RULES)


# --- for people -------------------------------------------------------------------------------------------------------


def test_findings_name_size_and_uncertainty() -> None:
    frame = rows_of(2).assign(f=np.arange(300) % 2)
    result, _, _ = fit("y ~ x + z + f", split(frame), CONTRACT)
    explained, *effects, _ = result.findings
    wanted = by_statsmodels("y ~ x + z + f", frame, CONTRACT)
    assert explained.startswith(
        f"The model explains {100 * wanted.rsquared:.1f} % of how y varies over 300 rows; rows are"
    )
    slope, (low, high) = wanted.params["x"], wanted.conf_int().loc["x"]
    (of_x,) = (each for each in effects if " x, " in each)
    assert of_x.startswith("For one more of x, y is ") and "higher (95 %: " in of_x
    numbers = [float(each) for each in of_x.replace(")", " ").split() if each[0].isdigit() and "." in each]
    assert numbers == pytest.approx([slope, low, high], rel=1e-3)
    assert result.findings[-1] == "Whether y goes with f at all cannot be told from these rows."


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("y ~ g*h", [
            "In rows with h = card, where g = north, y is ",
            "In rows with g = east and h = card, y is {} higher than these by themselves add up to (95 %: ",
        ]),
        ("y ~ x*h", [
            "For one more of x, where h = car, y is ",
            "In rows with h = card, where x = 0, y is ",
            "In rows with h = card, for one more of x, y is {} higher beside what it is elsewhere (95 %: ",
        ]),
        ("y ~ x*f", ["For one more of x, where f = 0, y is ", "y is {} higher beside what each by itself adds"]),
        ("y ~ x + h:x - 1", ["For one more of x, where h = car, y is "]),
        ("y ~ C(g):x", ["In rows with g = east, for one more of x, y is {} higher (95 %: "]),
    ],
)  # fmt: skip
def test_what_is_in_a_product_is_not_told_as_if_it_stood_alone(formula: str, wanted: list[str]) -> None:
    frame = rows_of(2, 900)
    east, card = (frame["g"] == "east").astype(int), (frame["h"] == "card").astype(int)
    steep = 20 * frame["x"] * (1 + card + frame["f"]) + 9_000 * card + 20_000 * east * card - 15_000
    noise = dice(3).normal(0, 300, 900)
    frame["y"] = np.clip(np.rint(steep + noise), -50_000, 50_000).astype(np.int64)
    result, _, _ = fit(formula, split(frame), CONTRACT)
    told = " ".join(re.sub(r"y is [\d.,]+", "y is {}", each) for each in result.findings)
    for each in wanted:
        assert each.replace("y is ", "y is {}").replace("{}{}", "{}") in told, told


def test_people_are_shown_coefficients_in_the_unit_for_people() -> None:
    frame = rows_of(2)
    response = dataclasses.replace(CONTRACT.column("y"), unit="cents", display=Display("euros", 2))
    columns = tuple(response if each.name == "y" else each for each in CONTRACT.columns)
    contract = dataclasses.replace(CONTRACT, columns=columns)
    result, _, _ = fit("y ~ x", split(frame), contract)
    assert result.title == "Regression of y, in euros" and "euros higher" in result.findings[1]
    plain, shown = result.tables[0].frame, displayed(result.tables[0]).frame
    assert [100 * float(each) for each in shown["estimate"]] == pytest.approx(
        [float(each) for each in plain["estimate"]]
    )
    assert list(shown["t"]) == list(plain["t"])


# --- judged as what it is made of -----------------------------------------------------------------------------------


def test_a_model_is_made_of_all_its_sums() -> None:
    _, _, analysis = fit("y ~ x + C(h)", split(rows_of(1)), CONTRACT)
    names = {str(each) for each in analysis.features()}
    assert names == {
        "number of rows", "sum of y", "sum of x", "sum of y · y", "sum of x · y", "sum of x · x",
        "sum of h is 0", "sum of h is 1", "sum of h is 0 · y", "sum of h is 1 · y", "sum of h is 0 · x",
        "sum of h is 1 · x",
    }  # fmt: skip
    assert list(analysis.made_of()) == [analysis.features()]
    _, _, crossed = fit("y ~ f + C(h)", split(rows_of(1)), CONTRACT)
    cells = {Feature((f"f is {a}", f"h is {b}")) for a in (0, 1) for b in (0, 1)}
    assert cells <= set(crossed.features())


def few(column: str, value: Any, other: Any, count: int) -> pd.DataFrame:
    """Rows of which so many have a value of a column that no other row has."""
    frame = rows_of(3)
    frame[column] = np.where(frame[column] == value, other, frame[column])
    frame.loc[:: len(frame) // count, column] = value
    assert abs((frame[column] == value).sum() - count) <= 1
    return frame


@pytest.mark.parametrize(
    ("formula", "frame"),
    [
        ("y ~ x + C(g)", few("g", "south", "east", 5)),
        ("y ~ x + C(g)", few("g", "north", "east", 5)),  # what others are compared with
        ("y ~ x:C(g)", few("g", "south", "east", 5)),
        ("y ~ x + f", few("f", 1, 0, 5)),
        ("f ~ x", few("f", 1, 0, 5)),
        ("y ~ x + f", few("f", 0, 1, 5)),
    ],
    ids=["a category", "the first category", "within a category", "a flag", "a response", "without a flag"],
)
def test_a_fit_is_hidden_where_few_rows_have_a_value(formula: str, frame: pd.DataFrame) -> None:
    result, opened, _ = fit(formula, split(frame), CONTRACT, RULES)
    assert not opened["safe"] and not opened["estimate"].any() and not opened["varies"].any()
    assert (result.suppressed, result.cells) == (1, 1)
    assert fit(formula, split(frame), CONTRACT, dataclasses.replace(RULES, safe_threshold=2))[1]["safe"]


def test_a_fit_is_hidden_where_two_columns_differ_in_few_rows() -> None:
    frame = rows_of(3)
    frame["f"] = (frame["h"] == "card").astype(int)
    frame.loc[frame.index[frame["h"] == "card"][:3], "f"] = 0
    _, opened, _ = fit("y ~ f + C(h)", split(frame), CONTRACT, RULES)
    assert not opened["safe"]


def test_a_fit_is_hidden_where_one_row_outweighs_all_others() -> None:
    frame, rules = rows_of(3), dataclasses.replace(RULES, safe_pratio_p=Rules().safe_pratio_p)
    frame["x"] = np.where(np.arange(len(frame)) == 7, 1000, frame["x"] % 2)
    assert not fit("y ~ x", split(frame), CONTRACT, rules)[1]["safe"]
    assert fit("y ~ x", split(rows_of(3)), CONTRACT, rules)[1]["safe"]


def test_too_few_degrees_of_freedom_are_hidden() -> None:
    rules = dataclasses.replace(BARE, safe_dof_threshold=10)
    assert not fit("y ~ x", split(rows_of(1, 11)), CONTRACT, rules)[1]["safe"]
    assert fit("y ~ x", split(rows_of(1, 12)), CONTRACT, rules)[1]["safe"]


def test_the_number_of_rows_is_rounded_where_the_policy_asks_for_it() -> None:
    rules = dataclasses.replace(BARE, safe_round_counts=100)
    result, opened, _ = fit("y ~ x", split(rows_of(1, 287)), CONTRACT, rules)
    assert opened["count"] == 300 and "over about 300 rows" in result.findings[0]


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "columns", "words"),
    [
        ("y ~ log(x)", "yx", "linear_regression: formulas here have no log"),
        ("y ~ x", "y", "list the column 'x' under `columns`"),
        ("y ~ x", "yxz", "its formula does not name 'z'; leave the column out"),
        ("g ~ x", "gx", "column 'g' is string; linear_regression takes integer or number"),
        ("y ~ C(x)", "yx", "does not tell few groups apart"),
        ("y ~ C(y2)", "y", "contract small has no column 'y2'; did you mean 'y'"),
        ("y ~ x*z*f*C(g)*C(h)", "yxzfgh", "sums; take fewer columns or categories"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(formula: str, columns: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build(planned("linear_regression", *columns, formula=formula), CONTRACT, Limits(3, 500, BARE))


def test_steps_are_told_before_anybody_signs() -> None:
    _, _, analysis = fit("y ~ x + C(h)", split(rows_of(1)), CONTRACT, digits=4)
    (said,) = analysis.untold()
    # 10,000 by 1,000, by 1, and by itself, four digits finer.
    assert said.endswith("contract: x 0.001, h = card 1, intercept 1")


def test_a_fit_takes_no_noise_and_no_filter() -> None:
    _, _, analysis = fit("y ~ x", split(rows_of(1)), CONTRACT)
    with pytest.raises(PlanError, match="takes no noise"):
        analysis.moves()
    assert analysis.axes() is None


# --- what owners hand in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [3, 20, 33, 61])
def test_moments_are_exact(bits: int) -> None:
    rng, rows = dice(bits), 5_000
    low, high = -(1 << bits) // 3, 1 << bits
    columns = [rng.integers(low, high, rows, endpoint=True) for _ in range(3)]
    columns[0][:50], columns[1][:50] = high, low
    for centred in (True, False):
        moments = ExactMoments(((low, high),) * 3, rows, centred)
        halves = [[each[at : at + 1_300] for each in columns] for at in range(0, rows, 1_300)]
        made = moments.made(halves)
        exact = [each.astype(object) - middle for each, middle in zip(columns, moments.middles, strict=True)]
        i, j = moments.pairs
        wanted = {
            "sum": [sum(each) for each in exact],
            "cross": [exact[a].dot(exact[b]) for a, b in zip(i, j, strict=True)],
        }
        for name, numbers in wanted.items():
            digits = [*made.get(f"{name}-low", []), made[f"{name}-high"]]
            found = sum(each.astype(object) << (DIGIT_BITS * at) for at, each in enumerate(digits))
            assert found.tolist() == numbers
        for item in moments.inputs():
            assert made[item.name].shape == item.shape
            assert item.low <= made[item.name].min() <= made[item.name].max() <= item.high


def test_blocks_hold_every_sum_exactly() -> None:
    rows, high = BLOCK, (1 << 18) - 1
    moments = ExactMoments(((-high, high),) * 2, rows, centred=False)
    made = moments.made([[np.full(rows, high), np.full(rows, -high)]])
    digits = [*made["cross-low"], made["cross-high"]]
    found = sum(each.astype(object) << (DIGIT_BITS * at) for at, each in enumerate(digits))
    assert found.tolist() == [rows * high * high, -rows * high * high, rows * high * high]
