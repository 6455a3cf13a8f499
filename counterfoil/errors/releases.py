"""Reviews that are not over, and releases that may not be made or opened: 80 to 89."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class ReviewError(CounterfoilError):
    """A decision cannot be counted."""

    exit_code = 80
    remedy = "Decide as a reviewer of the agreement, once, about the draft as it is."


class NotApprovedError(ReviewError):
    """Fewer valid approvals than the agreement asks for."""

    exit_code = 81
    remedy = "Wait for the reviewers: `counterfoil review list` says for whom."


class NotEntitledError(CounterfoilError):
    """Whoever asks is not a recipient of this output."""

    exit_code = 82
    remedy = "Open it as a recipient; others are not shown it."


class NotWitnessedError(CounterfoilError):
    """A log entry that others must have cosigned before anything follows on it is not cosigned by all of them."""

    exit_code = 83
    remedy = "See that the other nodes' workers run: they cosign."


class ReleaseExpiredError(CounterfoilError):
    """A release lay for as long as the agreement keeps releases; it is not opened any more."""

    exit_code = 84
    remedy = "Compute the period again, if the agreement still allows it."


class ReleaseRevokedError(CounterfoilError):
    """A node took a release back before its recipient had fetched it."""

    exit_code = 85
    remedy = "Ask the node for its reason, which it signed."


class DisclosureError(CounterfoilError):
    """A release would, together with earlier ones, say too much about too few rows."""

    exit_code = 86
    remedy = "Coarsen the tables, or ask for noise: `noiseInstead`."


class DifferenceError(DisclosureError):
    """A release was not held against an earlier one of the same table."""

    exit_code = 87
    remedy = "Ask for changes, or let the owner that is named correct what it handed in."


class ReconstructionError(DisclosureError):
    """So many exact numbers about so few rows would be known that the rows could be worked out."""

    exit_code = 88
    remedy = "Ask for fewer exact numbers, or for noise."


class LeaseError(DisclosureError):
    """A table's exact numbers belong to another agreement or period, or the same rows would have two names."""

    exit_code = 89
    remedy = "Take noise, or the holder's tables; or give the lease back: `counterfoil table give-back`."
