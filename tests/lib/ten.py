"""The banks' agreement with ten analyses instead of five: for reports as long as people make them."""

from __future__ import annotations

from pathlib import Path

from tests.lib.private import without

_MORE = """
  - name: mean-balance-by-region
    analysis: mean_by_group
    version: 1
    purpose: Where loans are large.
    contract: loans
    columns: [balance, region]
    parameters:
      value: balance
      by: [region]
    recipients: [regulator]

  - name: mean-balance-by-product
    analysis: mean_by_group
    version: 1
    purpose: In which products loans are large, with noise.
    contract: loans
    columns: [balance, product]
    parameters:
      value: balance
      by: [product]
    privacy: {mechanism: laplace, epsilon: 0.5}
    recipients: [regulator]

  - name: noised-exposure
    analysis: total
    version: 1
    purpose: The sum of all balances, with noise.
    contract: loans
    columns: [balance]
    parameters:
      column: balance
    privacy: {mechanism: gaussian, epsilon: 1, delta: 0.0000001}
    recipients: [regulator]

  - name: days-past-due
    analysis: histogram
    version: 1
    purpose: How early trouble spreads, with noise; edges in days.
    contract: loans
    columns: [days_past_due]
    parameters:
      column: days_past_due
      edges: [0, 1, 15, 30, 60, 90, 180, 360, 720]
    privacy: {mechanism: laplace, epsilon: 0.5}
    recipients: [regulator]

  - name: correlation-of-age-and-income
    analysis: correlation
    version: 2
    purpose: Whether income goes with age.
    contract: loans
    columns: [age, income]
    parameters:
      rows: local
    recipients: [regulator]
"""

_BUDGET = """
budget:
  - {contract: loans, recipient: regulator, epsilon: 20, delta: 0.000001}
"""


def make_ten(contracts: Path) -> None:
    """The agreement in the folder plans ten analyses for the regulator, three of them with noise."""
    file = contracts / "agreements" / "exposure.agreement.yaml"
    text = without(file.read_text(), "exposure-without-one-bank")
    text = text.replace("\nanalyses:", f"\nlicence: CC-BY-4.0\n{_BUDGET}\nanalyses:")
    file.write_text(text.rstrip() + "\n" + _MORE)
