"""How far a run is: a bar in a terminal, one line a tenth where output goes to a file."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class ProgressBar:
    """Shows a fraction and a few words.

    Args:
        title: What is under way.
        console: Where to show it; None for the standard one.

    >>> with ProgressBar("Training", Console(width=60)) as bar:
    ...     bar.show(0.5, "step 10")
    Training: 50 %, step 10
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._title = title
        self._console = console or Console()
        self._next = 0.0
        self._bar: Progress | None = None

    def __enter__(self) -> "ProgressBar":
        if self._console.is_terminal:
            columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")]
            columns += [TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[words]}")]
            self._bar = Progress(*columns, console=self._console, refresh_per_second=4)
            self._task = self._bar.add_task(self._title, total=1.0, words="")
            self._bar.start()
        return self

    def show(self, fraction: float, words: str) -> None:
        """Show that `fraction`, in [0, 1], is done, and some words beside it."""
        if self._bar is not None:
            self._bar.update(self._task, completed=fraction, words=words)
        elif fraction >= self._next:
            line = f"{self._title}: {100 * fraction:.0f} %, {words}"
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)
            self._next = fraction + 0.1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
