"""Say that a file cannot be read as a whole, without any of its content."""

from __future__ import annotations

from collections.abc import Sequence


class UnreadableError(Exception):
    """A file cannot be read as a whole; the text says why, without any content of the file.

    `more` are further problems of the same form, so that all of a file's columns are mended at once.
    """

    def __init__(
        self, problem: str, error: str = "unreadable", column: str | None = None, more: Sequence[Sequence[str]] = ()
    ) -> None:
        super().__init__(problem)
        self.problem, self.error, self.column, self.more = problem, error, column, more

    @property
    def all(self) -> list[tuple[str, str, str | None]]:
        """Each problem, its kind of error, and the column that it is about, if any."""
        others = [(problem, error, column) for problem, error, column in self.more]
        return [(self.problem, self.error, self.column), *others]

    @classmethod
    def of(cls, problems: Sequence[tuple[str, str, str]]) -> UnreadableError:
        """Combine the problems into one error."""
        return cls(*problems[0], more=problems[1:])
