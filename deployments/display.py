"""The demo's display: one line for each thing that is done, with what is done of it and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, RenderableType  # noqa: TID251 (their types)
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass
class Line:
    """One line of the display: `done` of `total` parties or steps, since `began` until `ended`."""

    title: str
    total: int
    done: int = 0
    began: float | None = None
    ended: float | None = None

    def reach(self, done: int) -> None:
        """Note how much is done by now; the first call begins the line, the last one ends it."""
        self.began = self.began or time.monotonic()
        self.done = done
        if done >= self.total and self.ended is None:
            self.ended = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it took, or takes so far."""
        return 0.0 if self.began is None else (self.ended or time.monotonic()) - self.began


class Display:
    """The lines in order, redrawn while they go on."""

    def __init__(self, console: Console, lines: dict[str, Line]) -> None:
        self.lines = lines
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=5, transient=False)

    def __enter__(self) -> "Display":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop drawing; the last drawing stays, and the terminal is free."""
        self._live.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[Line]:
        """Begin the line, and end it after the block."""
        line = self.lines[name]
        line.reach(0)
        yield line
        line.reach(line.total)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Free the terminal for other things within the block."""
        self._live.stop()
        yield
        self._live.start()

    def _draw(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for line in self.lines.values():
            mark: RenderableType
            if line.began is None:
                mark, style = Text("·"), "dim"
            elif line.ended is None:
                mark, style = self._spinner, "bold"
            else:
                mark, style = Text("✓", "green"), ""
            bar = ProgressBar(total=line.total, completed=line.done, width=12)
            clock = f"{line.seconds:5.1f} s" if line.began else ""
            table.add_row(mark, Text(line.title, style), bar, f"{line.done}/{line.total}", clock)
        return table
