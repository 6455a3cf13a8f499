"""The demo's display: one line a stage, with what is done of it and how long it took."""

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
class Stage:
    """One line: `done` of `total` parties or steps, since `began` until `ended`."""

    title: str
    total: int
    done: int = 0
    began: float | None = None
    ended: float | None = None

    def reach(self, done: int) -> None:
        """So much is done by now; the first call begins the stage, the last one ends it."""
        self.began = self.began or time.monotonic()
        self.done = done
        if done >= self.total and self.ended is None:
            self.ended = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it took, or takes so far."""
        return 0.0 if self.began is None else (self.ended or time.monotonic()) - self.began


class Display:
    """The stages in order, redrawn while they go on."""

    def __init__(self, console: Console, stages: dict[str, Stage]) -> None:
        self.stages = stages
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=5, transient=False)

    def __enter__(self) -> "Display":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The last drawing stays; the terminal is free."""
        self._live.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[Stage]:
        """The stage goes on within the block and is done after it."""
        stage = self.stages[name]
        stage.reach(0)
        yield stage
        stage.reach(stage.total)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within the block the terminal is free for other things."""
        self._live.stop()
        yield
        self._live.start()

    def _draw(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for stage in self.stages.values():
            mark: RenderableType
            if stage.began is None:
                mark, style = Text("·"), "dim"
            elif stage.ended is None:
                mark, style = self._spinner, "bold"
            else:
                mark, style = Text("✓", "green"), ""
            bar = ProgressBar(total=stage.total, completed=stage.done, width=12)
            clock = f"{stage.seconds:5.1f} s" if stage.began else ""
            table.add_row(mark, Text(stage.title, style), bar, f"{stage.done}/{stage.total}", clock)
        return table
