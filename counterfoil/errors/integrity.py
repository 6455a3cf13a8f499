"""What no honest party would have made, final until a person looks: 70 to 79."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class IntegrityError(CounterfoilError):
    """Something is not what it must be, and no retry may hide that."""

    exit_code = 70


class CheatingDetected(IntegrityError):  # noqa: N818 (the field's word)
    """A message, a key or a share is not what an honest peer would have sent."""

    exit_code = 71


class LedgerError(IntegrityError):
    """A value was about to be opened that the leakage statement does not declare."""

    exit_code = 72


class TamperedError(IntegrityError):
    """A stored blob, a log or a release was changed after it was written."""

    exit_code = 73


class SealError(IntegrityError):
    """A sealed envelope does not open: it is for somebody else, for another purpose, or was changed."""

    exit_code = 74


class ForkedError(TamperedError):
    """A party signed two histories of its own log. `proof` shows it to anybody who knows its key."""

    exit_code = 75

    def __init__(self, message: str, proof: bytes) -> None:
        super().__init__(message)
        self.proof = proof
