"""Views that cannot be understood, or whose rows cannot be joined as they say: 20 to 23."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class ViewError(CounterfoilError):
    """The SQL of a view cannot be read, or asks for what cannot be computed on shares."""

    exit_code = 20
    remedy = "Change the SQL at the line and column named, as the line says."


class ViewNameError(ViewError):
    """The SQL of a view names a table or a column that there is not, or that there is more than once."""

    exit_code = 21
    remedy = "Write the name as the contract has it, with its table before it where two have it."


class ViewTypeError(ViewError):
    """The SQL of a view puts together what does not fit: types, scales, categories, or keys of different kinds."""

    exit_code = 22
    remedy = "Compare like with like; `counterfoil contract show` lists the types of columns."


class ViewJoinError(ViewError):
    """A join of a view has no side of which its contract says that no two rows have the same key."""

    exit_code = 23
    remedy = "Join by a unique column, or group one side by the key first."
