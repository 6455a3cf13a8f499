"""Record what an observer of the network sees of a run: which frames, how long, to whom, in which order."""

from __future__ import annotations

from dataclasses import dataclass, field

from counterfoil.mpc.transport.base import Event, Link


@dataclass(slots=True)
class Record:
    """The frames of the links it watches, in order. Data must not be able to change any of it."""

    events: list[Event] = field(default_factory=list)

    def watch(self, link: Link) -> Link:
        """Record every frame of the link from here on, and return the link."""
        link.watch = self.events.append
        return link
