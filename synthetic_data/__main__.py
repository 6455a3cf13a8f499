"""Make the banks' loans files.

`python -m counterfoil_prefect.synthetic_data --contract FILE --out DIR [--seed N] [--rows N] [--canaries]`
"""

from __future__ import annotations

import argparse
from pathlib import Path

from counterfoil.governance.contracts.contract import parse_contract
from counterfoil_prefect.synthetic_data.loans import make_tables, write_tables


def main() -> None:
    """Write one file per bank into the folder."""
    parser = argparse.ArgumentParser(prog="python -m synthetic_data", description="Make the banks' loans files.")
    parser.add_argument("--contract", type=Path, required=True, help="the data contract (ODCS YAML)")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the files")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of each bank")
    parser.add_argument("--canaries", action="store_true", help="plant values that must never be seen elsewhere")
    wish = parser.parse_args()
    contract = parse_contract(wish.contract.read_bytes(), wish.contract.name)
    write_tables(make_tables(contract, wish.seed, wish.rows, canaries=wish.canaries), wish.out)


if __name__ == "__main__":
    main()
