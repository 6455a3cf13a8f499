"""The tables of TPC-H as owners would declare them, and its queries from their standard text."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Final

import duckdb

from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.types import Schema, Type, category, number
from tests.lib.relations import EPOCH, Pool

QUERIES: Final = {
    path.stem: path.read_text() for path in sorted((Path(__file__).parents[1] / "spec/tpch").glob("*.sql"))
}

TYPES = [
    " ".join(words)
    for words in product(
        ("ECONOMY", "LARGE", "MEDIUM", "PROMO", "SMALL", "STANDARD"),
        ("ANODIZED", "BRUSHED", "BURNISHED", "PLATED", "POLISHED"),
        ("BRASS", "COPPER", "NICKEL", "STEEL", "TIN"),
    )
]
CONTAINERS = [
    " ".join(words)
    for words in product(
        ("JUMBO", "LG", "MED", "SM", "WRAP"), ("BAG", "BOX", "CAN", "CASE", "DRUM", "JAR", "PACK", "PKG")
    )
]
CATEGORIES: Final = {
    "r_name": ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"),
    "c_mktsegment": ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"),
    "o_orderstatus": ("F", "O", "P"),
    "o_orderpriority": ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"),
    "l_returnflag": ("A", "N", "R"),
    "l_linestatus": ("F", "O"),
    "l_shipinstruct": ("COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"),
    "l_shipmode": ("AIR", "AIR REG", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"),
    "p_mfgr": tuple(f"Manufacturer#{i}" for i in range(1, 6)),
    "p_brand": tuple(f"Brand#{i}{j}" for i in range(1, 6) for j in range(1, 6)),
    "p_type": tuple(TYPES),
    "p_container": tuple(CONTAINERS),
    "n_name": (
        *("ALGERIA", "ARGENTINA", "BRAZIL", "CANADA", "CHINA", "EGYPT", "ETHIOPIA", "FRANCE", "GERMANY", "INDIA"),
        *("INDONESIA", "IRAN", "IRAQ", "JAPAN", "JORDAN", "KENYA", "MOROCCO", "MOZAMBIQUE", "PERU", "ROMANIA"),
        *("RUSSIA", "SAUDI ARABIA", "UNITED KINGDOM", "UNITED STATES", "VIETNAM"),
    ),
}
UNIQUE: Final = {
    "region": (("r_regionkey",),),
    "nation": (("n_nationkey",),),
    "supplier": (("s_suppkey",),),
    "customer": (("c_custkey",),),
    "part": (("p_partkey",),),
    "partsupp": (("ps_partkey", "ps_suppkey"),),
    "orders": (("o_orderkey",),),
    "lineitem": (("l_orderkey", "l_linenumber"),),
}


def pool(folder: str, scale: float) -> Pool:
    """Generate the tables at a scale factor, with bounds as narrow as a power of two around what is in them."""
    tool = Path(sys.executable).with_name("tpchgen-cli")
    subprocess.run([tool, "parquet", "-s", str(scale), f"--output-dir={folder}"], check=True, capture_output=True)
    database = duckdb.connect()
    schemas = []
    for table, unique in UNIQUE.items():
        # At scale factors below 1 some keys of partsupp are there twice.
        keys = ", ".join(unique[0])
        database.execute(f"create table {table} as select distinct on ({keys}) * from '{folder}/{table}.parquet'")
        ((rows,),) = database.execute(f"select count(*) from {table}").fetchall()
        described = database.execute(f"describe {table}").fetchall()
        columns = {name: _type(database, table, name, kind, rows) for name, kind, *_ in described}
        schemas.append(Schema(table, columns, rows, unique))
    return Pool(schemas, database)


def _type(database: duckdb.DuckDBPyConnection, table: str, name: str, kind: str, rows: int) -> Type:
    if name in CATEGORIES:
        return category(*CATEGORIES[name])
    if kind == "VARCHAR":
        return Type("text", Bound(0, rows - 1), domain=f"{table}.{name}")
    if kind == "DATE":
        return Type("date", Bound((EPOCH.replace(year=1992) - EPOCH).days, (EPOCH.replace(year=1999) - EPOCH).days))
    scale = 2 if kind.startswith("DECIMAL") else 0
    ((least, most),) = database.execute(f"select min({name}), max({name}) from {table}").fetchall()
    low, high = (int(each * 10**scale) for each in (least, most))
    return number(-_power(-low) if low < 0 else 0, _power(high), scale)


def _power(most: int) -> int:
    return int((1 << max(1, most).bit_length()) - 1)
