"""Tables that look like banks' loans and satisfy their contract, with answers known in advance. All of it is public."""

from counterfoil_prefect.synthetic_data.answers import FIRST_CASE, NUMERIC, Answers, known_answers
from counterfoil_prefect.synthetic_data.loans import BANKS, Canary, canary, make_tables, write_tables

__all__ = [
    "BANKS",
    "FIRST_CASE",
    "NUMERIC",
    "Answers",
    "Canary",
    "canary",
    "known_answers",
    "make_tables",
    "write_tables",
]
