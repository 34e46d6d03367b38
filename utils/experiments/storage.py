"""Stored results: a small CSV whose first lines say how its numbers came about.

# experiment: adding
# settings: {"T": 100, ...}
# seeds: 0 1 2
# hardware: CPU, 2 cores (…)
# date: 2026-01-31
# versions: Python 3.13.1, TensorFlow 2.21.0, Keras 3.15.1, NumPy 2.4.6
# minutes: 9.5
seed,cell,step,error
0,GRU,100,0.1667
"""

import csv
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_HEAD = ("experiment", "settings", "seeds", "hardware", "date", "versions", "minutes")


@dataclass(frozen=True)
class Result:
    """The result of an experiment, and how it came about.

    Attributes:
        experiment: Its name.
        settings: What was set, by name.
        seeds: The seeds; each has rows of its own.
        hardware: What it ran on.
        date: The day, as year-month-day.
        versions: Of Python and the libraries that compute.
        minutes: How long it took.
        rows: One dict a row of the table, all with the same keys; each has "seed".
    """

    experiment: str
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    hardware: str
    date: str
    versions: str
    minutes: float
    rows: tuple[dict[str, Any], ...]

    def where(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the rows with these values.

        Raises:
            ValueError: If a column is unknown, or no row has these values.
        """
        for column in wanted:
            if column not in self.rows[0]:
                raise ValueError(f"{self.experiment} has no column {column!r}; it has: {', '.join(self.rows[0])}")
        found = [row for row in self.rows if all(row[column] == value for column, value in wanted.items())]
        if not found:
            raise ValueError(f"no row of {self.experiment} has {wanted}")
        return found

    def band(self, x: str, y: str, **wanted: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Summarise a column over the seeds, against another column.

        Args:
            x: The column along which to go, such as "step".
            y: The column of the numbers.
            **wanted: Values of other columns that choose the rows.

        Returns:
            x in rising order; mean, smallest and largest y over the seeds at each x; each of shape (n,).
        """
        rows = self.where(**wanted)
        places = sorted({row[x] for row in rows})
        values = [[row[y] for row in rows if row[x] == place] for place in places]
        summary = np.array([(np.mean(v), min(v), max(v)) for v in values])
        return np.array(places), summary[:, 0], summary[:, 1], summary[:, 2]

    def __str__(self) -> str:
        """Return in one line how the numbers came about."""
        count = f"{len(self.seeds)} seed{'s' if len(self.seeds) != 1 else ''}"
        return f"{self.experiment}: {count}, {self.minutes:g} minutes on {self.hardware}, {self.date}, {self.versions}"


def write(path: Path, result: Result) -> None:
    """Write a result; whoever reads meanwhile sees the old file or the new one, never half of it.

    Args:
        path: The CSV.
        result: What to write.

    Raises:
        ValueError: If there is no row, or rows have different columns.
        OSError: If the file cannot be written; what was there before is still there.
    """
    if not result.rows:
        raise ValueError(f"{result.experiment} has no row: nothing is written")
    columns = list(result.rows[0])
    for number, row in enumerate(result.rows):
        if list(row) != columns:
            raise ValueError(f"row {number} has the columns {list(row)}, but row 0 has {columns}")
    head = {
        "experiment": result.experiment,
        "settings": json.dumps(dict(result.settings)),
        "seeds": " ".join(map(str, result.seeds)),
        "hardware": result.hardware,
        "date": result.date,
        "versions": result.versions,
        "minutes": f"{result.minutes:.1f}",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(descriptor, "w", newline="", encoding="utf-8") as file:
            for key in _HEAD:
                file.write(f"# {key}: {head[key]}\n")
            table = csv.DictWriter(file, columns, lineterminator="\n")
            table.writeheader()
            for row in result.rows:
                table.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> Result:
    """Read a stored result.

    Args:
        path: A file that `write` made.

    Returns:
        The result; numbers in its rows are int or float.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not of that form; the message names the line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    head = {}
    for number, (key, line) in enumerate(zip(_HEAD, lines, strict=False), start=1):
        prefix = f"# {key}: "
        if not line.startswith(prefix):
            raise ValueError(f"{path.name}, line {number}: expected '{prefix}…', but found {line[:40]!r}")
        head[key] = line.removeprefix(prefix)
    rows = [{k: _value(v) for k, v in row.items()} for row in csv.DictReader(lines[len(_HEAD) :])]
    if len(head) < len(_HEAD) or not rows or any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{path.name} is cut off, or a row is longer or shorter than the others")
    return Result(
        experiment=head["experiment"],
        settings=json.loads(head["settings"]),
        seeds=tuple(int(seed) for seed in head["seeds"].split()),
        hardware=head["hardware"],
        date=head["date"],
        versions=head["versions"],
        minutes=float(head["minutes"]),
        rows=tuple(rows),
    )


def _value(text: str | None) -> Any:
    for kind in (int, float):
        try:
            return kind(text)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
    return text
