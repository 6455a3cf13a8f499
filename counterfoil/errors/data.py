"""Tables that do not satisfy their contract, at their owner: 40 to 49."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class DataError(CounterfoilError):
    """A table does not satisfy its contract."""

    exit_code = 40
    remedy = "Open the page named beside the file, mend the table, and try it: `counterfoil contract test`."


class MissingColumnError(DataError):
    """A column that the contract requires is not in the file."""

    exit_code = 41
    remedy = "Add the column to the file, or take it out of the contract."


class WrongTypeError(DataError):
    """A column holds something that is not of its declared type."""

    exit_code = 42
    remedy = "Write the cells as the contract's type asks; the page beside the file lists them."


class OutOfBoundsError(DataError):
    """A column holds values outside its declared bounds."""

    exit_code = 43
    remedy = "Mend the cells, or agree on wider bounds."


class UnknownCategoryError(DataError):
    """A column holds values that are not among its declared categories."""

    exit_code = 44
    remedy = "Mend the cells, or add the category to the contract."


class DuplicateKeyError(DataError):
    """A column that is declared unique holds a value twice."""

    exit_code = 45
    remedy = "Keep one row of each key."


class MissingValueError(DataError):
    """A column that is declared required has empty cells."""

    exit_code = 46
    remedy = "Fill the cells, or say in the contract what becomes of empty ones: `missing`."


class QualityRuleError(DataError):
    """A quality rule of the contract does not hold."""

    exit_code = 47
    remedy = "Mend the rows that the page beside the file lists, or change the rule."


class UnreadableTableError(DataError):
    """A file is no table that can be read within the limits: of another kind, empty, damaged, cut off or too large."""

    exit_code = 48
    remedy = "Save the file again as UTF-8 CSV or as Parquet, and try it: `counterfoil contract test`."


class AnonymityError(DataError):
    """A table, even minimised, is less anonymous than its contract demands."""

    exit_code = 49
    remedy = "Generalise the columns named more, or let more rows stay behind: see the page of risks."
