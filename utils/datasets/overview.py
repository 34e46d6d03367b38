"""All data sets, embedded and public: what they are, how large, and whether they lie on this disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from utils import datasets
from utils.datasets import public


@dataclass(frozen=True)
class Entry:
    """One set.

    Args:
        name: Its name.
        kind: "made here" for an embedded set, else the kind of its task.
        prepared: Whether it lies whole on disk.
        examples: Number of examples by split; None where it is not known before the set is prepared.
        size: Bytes on disk if it is prepared, of the download if it is public and not prepared, else None.
    """

    name: str
    kind: str
    prepared: bool
    examples: Mapping[str, int] | None
    size: int | None


def names() -> list[str]:
    """Return the names of all sets, embedded ones first."""
    return [*datasets.names(), *public.names()]


def entries(data_dir: str | os.PathLike | None = None) -> list[Entry]:
    """Return all sets, embedded ones first; nothing is written, and no network is used.

    Args:
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
    """
    return [_entry(name, data_dir) for name in names()]


def prepare(
    name: str,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    wait: float = public.WAIT,
) -> Entry:
    """Prepare a set where it is not.

    Args:
        name: Name of any set.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
        manual_dir: Folder with the files of a public set; embedded sets need none.
        wait: Seconds without progress after which a download is given up.

    Returns:
        The set as it now lies on disk.

    Raises:
        ValueError: If the set is unknown.
        PublicDataUnavailable: If a public set cannot be had.
        OSError: If the data cannot be written.
    """
    if name in public.SETS:
        public.prepare(name, data_dir, manual_dir, wait)
    elif name in datasets.names():
        from utils.datasets import builders

        builders.prepared(name, data_dir)
    else:
        raise ValueError(f"data set is {name!r}, but one of {', '.join(names())} is expected")
    return _entry(name, data_dir)


def _entry(name: str, data_dir: str | os.PathLike | None) -> Entry:
    from utils.datasets import builders  # here, because it imports tensorflow_datasets

    known = public.SETS.get(name)
    builder = builders.found(public.maker(name) if known else builders.BUILDERS[name], data_dir)
    kind = known.kind if known else "made here"
    if builder is None:
        return Entry(name, kind, False, None if known else datasets.sizes(name), known and public.download_size(name))
    parts = known.splits if known else {split: split for split in datasets.SPLITS}
    examples = {split: builder.info.splits[part].num_examples for split, part in parts.items()}
    size = sum(file.stat().st_size for file in Path(builder.data_dir).rglob("*") if file.is_file())
    return Entry(name, kind, True, examples, size)
