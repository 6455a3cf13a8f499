"""Reference of failures: every error class with its exit code and where it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from counterfoil.errors import CounterfoilError
from docs.site.text import cell, code, table


def failures(at: type[CounterfoilError] = CounterfoilError) -> Iterator[type[CounterfoilError]]:
    """Yield every class of the library's errors, a family before its members."""
    yield at
    for child in at.__subclasses__():
        if child.__module__ == CounterfoilError.__module__:
            yield from failures(child)


def pages() -> Mapping[str, str]:
    rows = [
        [
            str(each.exit_code),
            code(each.__name__),
            code(each.__mro__[1].__name__),
            cell(each.__doc__ or ""),
            cell(each.remedy),
        ]
        for each in sorted(set(failures()), key=lambda each: each.exit_code)
    ]
    return {
        "reference/errors.md": "# Error classes\n\nA caller that catches a family catches its members. Commands end "
        "with the exit code of the class, and say by which `counterfoil help` they are explained; see also [how things "
        "fail](../failures.md).\n\n" + table(("exit code", "class", "family", "meaning", "what to do"), rows)
    }
