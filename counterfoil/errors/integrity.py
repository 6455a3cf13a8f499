"""What no honest party would have made, final until a person looks: 70 to 79."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class IntegrityError(CounterfoilError):
    """Something is not what it must be, and no retry may hide that."""

    exit_code = 70
    remedy = "Stop, keep what is there, and tell the other parties."


class CheatingDetected(IntegrityError):  # noqa: N818 (the field's word)
    """A message, a key or a share is not what an honest peer would have sent."""

    exit_code = 71
    remedy = "Stop, keep what is there, and find out with the other nodes which of you deviates."


class LedgerError(IntegrityError):
    """A value was about to be opened that the leakage statement does not declare."""

    exit_code = 72
    remedy = "Report it: an analysis opens what it does not declare."


class TamperedError(IntegrityError):
    """A stored blob, a log or a release was changed after it was written."""

    exit_code = 73
    remedy = "Stop, and compare with another party's copy who changed it."


class SealError(IntegrityError):
    """A sealed envelope does not open: it is for somebody else, for another purpose, or was changed."""

    exit_code = 74
    remedy = "Ask the sender to seal it again to your present keys."


class ForkedError(TamperedError):
    """A party signed two histories of its own log. `proof` shows it to anybody who knows its key."""

    exit_code = 75
    remedy = "Show the proof to all parties, and revoke the key: `counterfoil party revoke`."

    def __init__(self, message: str, proof: bytes) -> None:
        super().__init__(message)
        self.proof = proof
