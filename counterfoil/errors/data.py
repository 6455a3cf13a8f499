"""Tables that do not satisfy their contract, at their owner: 40 to 49."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class DataError(CounterfoilError):
    """A table does not satisfy its contract."""

    exit_code = 40


class MissingColumnError(DataError):
    """A column that the contract requires is not in the file."""

    exit_code = 41


class WrongTypeError(DataError):
    """A column holds something that is not of its declared type."""

    exit_code = 42


class OutOfBoundsError(DataError):
    """A column holds values outside its declared bounds."""

    exit_code = 43


class UnknownCategoryError(DataError):
    """A column holds values that are not among its declared categories."""

    exit_code = 44


class DuplicateKeyError(DataError):
    """A column that is declared unique holds a value twice."""

    exit_code = 45


class MissingValueError(DataError):
    """A column that is declared required has empty cells."""

    exit_code = 46


class QualityRuleError(DataError):
    """A quality rule of the contract does not hold."""

    exit_code = 47


class UnreadableTableError(DataError):
    """A file is not a CSV or Parquet file that can be read within the limits: empty, damaged, cut off or too large."""

    exit_code = 48


class AnonymityError(DataError):
    """A table, even minimised, is less anonymous than its contract demands."""

    exit_code = 49
