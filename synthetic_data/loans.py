"""Make one loans table per bank, from the data contract and a seed.

Categories and bounds are the contract's. The joint structure is ours: income rises with age and differs by region,
balances follow product and income, trouble follows debt against income, so that correlations are far from zero. In two
groups all banks together have fewer than ten rows, and in one more each bank alone, so that suppression shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterfoil.governance.contracts.contract import Contract

BANKS = ("bank-a", "bank-b", "bank-c", "bank-d")
RARE_ROWS = 2  # rows of a bank in each of its rare groups

_PRODUCT_SIZES = {"mortgage": 110_000.0, "car": 14_000.0, "personal": 7_000.0, "card": 1_800.0}  # euros


@dataclass(frozen=True, slots=True)
class Canary:
    """Values that occur in one bank's first row and nowhere else: one that is seen elsewhere is a leak."""

    customer_id: str
    balance: int


def canary(bank: int, contract: Contract) -> Canary:
    """Make the bank's canary, within the contract; its balance has no digits that a count or an id has by chance."""
    return Canary(f"ZQ{77310451 + 1009 * bank:08d}", _bounds(contract, "balance")[1] - 1_357_911 - 2_718_281 * bank)


def make_tables(
    contract: Contract, seed: int, rows: int = 20_000, banks: Sequence[str] = BANKS, canaries: bool = False
) -> dict[str, pd.DataFrame]:
    """Make a table for every bank; the same contract, seed, rows and banks give the same tables."""
    tables = {}
    for number, bank in enumerate(banks):
        table = _make_table(contract, np.random.default_rng([seed, number]), rows, number)
        if canaries:
            planted = canary(number, contract)
            table.loc[0, "customer_id"] = planted.customer_id
            table.loc[0, "balance"] = planted.balance
        tables[bank] = table
    return tables


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, Path]:
    """Write every bank's table to a file in the folder, by turns as CSV and Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for number, (bank, table) in enumerate(tables.items()):
        if number % 2 == 0:
            paths[bank] = folder / f"{bank}.csv"
            table.to_csv(paths[bank], index=False)
        else:
            paths[bank] = folder / f"{bank}.parquet"
            table.to_parquet(paths[bank], index=False)
    return paths


def _make_table(contract: Contract, rng: np.random.Generator, rows: int, bank: int) -> pd.DataFrame:
    regions, products = (contract.column(name).categories for name in ("region", "product"))
    region = rng.choice(len(regions), rows, p=rng.dirichlet(np.full(len(regions), 8.0)))
    product = rng.choice(len(products), rows, p=rng.dirichlet(np.full(len(products), 12.0)))
    _make_rare(rng, region, product, bank)
    age = _clip(contract, "age", 18 + 62 * rng.beta(2.0, 2.6, rows))
    income = _clip(
        contract, "income", np.exp(10.2 + 0.012 * (age - 45) + 0.06 * (region - 2) + 0.45 * rng.normal(size=rows))
    )
    size = np.array([_PRODUCT_SIZES.get(name, 5_000.0) for name in products])[product]
    balance = 100 * size * (income / 30_000) ** 0.6 * np.exp(0.5 * rng.normal(size=rows))
    strain = 0.7 * np.log1p(balance / 100 / income) - 0.015 * (age - 45) + rng.normal(size=rows)
    days = np.where(strain > 1.2, 55.0 * (strain - 1.2) ** 2 + 5.0, 0.0)
    days_past_due = _clip(contract, "days_past_due", days)
    order = rng.permutation(rows)
    return pd.DataFrame(
        {
            "customer_id": [f"B{'ABCDEFGHIJ'[bank]}{number:08d}" for number in 10_000_000 + 7 * order],
            "region": np.array(regions, dtype=object)[region],
            "product": np.array(products, dtype=object)[product],
            "balance": _clip(contract, "balance", balance),
            "income": income,
            "age": age,
            "days_past_due": days_past_due,
            "default_flag": (days_past_due > 90).astype(np.int64),
        }
    )


def _make_rare(rng: np.random.Generator, region: NDArray[np.int64], product: NDArray[np.int64], bank: int) -> None:
    """Leave RARE_ROWS rows in each of three groups, and move the others there to the first region.

    Two groups are rare at all banks: the last region's first and last product. The third, in the region before, differs
    from bank to bank.
    """
    last = int(product.max())
    for rare_region, rare_product in ((region.max(), 0), (region.max(), last), (region.max() - 1, bank % (last + 1))):
        cell = np.flatnonzero((region == rare_region) & (product == rare_product))
        region[rng.permutation(cell)[RARE_ROWS:]] = 0


def _clip(contract: Contract, name: str, values: NDArray[np.float64]) -> NDArray[np.int64]:
    low, high = _bounds(contract, name)
    return np.clip(np.rint(values), low, high).astype(np.int64)


def _bounds(contract: Contract, name: str) -> tuple[int, int]:
    bounds = contract.column(name).bounds
    if bounds is None:
        raise ValueError(f"{contract.source}: column {name} needs a minimum and a maximum")
    return bounds
