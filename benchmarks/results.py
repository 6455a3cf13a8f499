"""Keep measurements and the ratios of them that were promised, and write both down."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.plan import Bar, Key
from benchmarks.workloads import WORKLOADS


@dataclass(frozen=True)
class Measurement:
    """One contestant on one workload at one size. Bytes are of all parties together, memory of the largest."""

    contestant: str
    workload: str
    size: int
    seconds: float
    all_seconds: tuple[float, ...]
    cpu_seconds: float
    wire_bytes_per_row: float
    payload_bytes_per_row: float | None
    rounds: int | None
    peak_mb: float
    max_error: float
    wrong: int
    of: int

    @classmethod
    def of_answer(cls, contestant: str, answer: dict[str, Any]) -> Measurement:
        """Summarise what a host measured. A run lasts from the first party's start to the last party's end."""
        size, runs = answer["size"], answer["runs"]
        seconds = [max(each["ended"] for each in run) - min(each["began"] for each in run) for run in runs]
        last = runs[-1]
        counted = last[0]["payload_bytes"] is not None
        return cls(
            contestant=contestant,
            workload=answer["workload"],
            size=size,
            seconds=median(seconds),
            all_seconds=tuple(seconds),
            cpu_seconds=median(sum(each["cpu_s"] for each in run) for run in runs),
            wire_bytes_per_row=sum(each["received_bytes"] for each in last) / size,
            payload_bytes_per_row=sum(each["payload_bytes"] for each in last) / size if counted else None,
            rounds=max(each["rounds"] for each in last) if counted else None,
            peak_mb=max(each["peak_bytes"] for run in runs for each in run) / 2**20,
            max_error=answer["max_error"],
            wrong=answer["wrong"],
            of=answer["of"],
        )

    @property
    def key(self) -> Key:
        return Key(self.contestant, self.workload, self.size)

    @property
    def verdict(self) -> str:
        """The result's error, and whether that is within the workload's tolerance."""
        workload = WORKLOADS[self.workload]
        error = "exact" if self.max_error == 0 else f"{self.max_error:.2g} {workload.unit}".strip()
        return error if not self.wrong else f"{error}, {self.wrong} of {self.of} over {workload.tolerance:g}"

    def line(self) -> str:
        """Write the measurement as one line, for watching a run."""
        title = WORKLOADS[self.workload].title
        return f"{title:45} {self.contestant:10} {self.size:>11,} {self.seconds:10.4f} s   {self.verdict}"


@dataclass
class Results:
    """All measurements of one run on one machine."""

    machine: dict[str, str]
    about: dict[str, str]
    measurements: dict[Key, Measurement] = field(default_factory=dict)

    def add(self, found: Measurement) -> None:
        self.measurements[found.key] = found

    def get(self, key: Key) -> Measurement | None:
        """Return the measurement; None if it was not made."""
        return self.measurements.get(key)

    def ratio(self, bar: Bar) -> float | None:
        """Compute the bar's ratio; None unless both were measured."""
        above, below = self.get(bar.above), self.get(bar.below)
        return above.seconds / below.seconds if above and below else None

    def write(self, folder: Path) -> None:
        """Write `results.json` with everything, `results.csv` with a line for each measurement."""
        rows = [asdict(each) for each in self.measurements.values()]
        everything = {"machine": self.machine, "contestants": self.about, "measurements": rows}
        (folder / "results.json").write_text(json.dumps(everything, indent=1) + "\n")
        with (folder / "results.csv").open("w", newline="") as file:
            columns = [each.name for each in fields(Measurement) if each.name != "all_seconds"]
            table = csv.DictWriter(file, columns, extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read what `write` wrote, to draw it again."""
        found = json.loads((folder / "results.json").read_text())
        results = cls(found["machine"], found["contestants"])
        for each in found["measurements"]:
            results.add(Measurement(**each))
        return results
