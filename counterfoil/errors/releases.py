"""Reviews that are not over, and releases that may not be made or opened: 80 to 89."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class ReviewError(CounterfoilError):
    """A decision cannot be counted."""

    exit_code = 80


class NotApprovedError(ReviewError):
    """Fewer valid approvals than the agreement asks for."""

    exit_code = 81


class NotEntitledError(CounterfoilError):
    """Whoever asks is not a recipient of this output."""

    exit_code = 82


class NotWitnessedError(CounterfoilError):
    """A log entry that others must have cosigned before anything follows on it is not cosigned by all of them."""

    exit_code = 83


class ReleaseExpiredError(CounterfoilError):
    """A release lay for as long as the agreement keeps releases; it is not opened any more."""

    exit_code = 84


class ReleaseRevokedError(CounterfoilError):
    """A node took a release back before its recipient had fetched it."""

    exit_code = 85


class DisclosureError(CounterfoilError):
    """A release would, together with earlier ones, say too much about too few rows."""

    exit_code = 86


class DifferenceError(DisclosureError):
    """A release's rows differ from those of an earlier one, by too few."""

    exit_code = 87


class ReconstructionError(DisclosureError):
    """So many exact numbers about so few rows would be known that the rows could be worked out."""

    exit_code = 88


class LeaseError(DisclosureError):
    """A table's exact numbers belong to another agreement for now, or the same rows would have two names."""

    exit_code = 89
