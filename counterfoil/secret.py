"""Keep an object that holds keys, seeds, salts or shares from being shown or written down by accident.

Programs print, log and pickle what they hold: a debugger, an exception's text, a task runner's stored results. A class
that inherits from `Secret` is shown by its type alone, and refuses to be pickled or copied. It does not protect memory:
what reads the process reads the keys.
"""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class Secret:
    """A holder of secrets. A dataclass that inherits from this is made with `repr=False`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: secret>"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        """Refuse to be pickled or copied. Raises: TypeError."""
        raise TypeError(f"{type(self).__name__} holds secrets, which are never pickled or copied; pass it by reference")
