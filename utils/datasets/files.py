"""Files of your own: two-column TSV as pairs, CoNLL and CoNLL-U as tagged tokens.

The records have the keys that the public sets have: {"source", "target"} and {"tokens", "tags"}. A file is read
whole or not at all, and what is wrong with it is said with its name and the line. Windows line ends, a byte
order mark and empty lines are no fault.
"""

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils.datasets.splits import SPLITS, split_of

if TYPE_CHECKING:
    import tensorflow as tf

_TEXT_SUFFIXES = (".tsv", ".txt", ".tab", ".conll", ".conllu", ".bio", ".iob", ".annotated")
_CONLLU_COLUMNS = 10
_FORM, _UPOS = 1, 3  # columns of CoNLL-U


class DataFileError(ValueError):
    """A file does not hold what it should; the message names the file and the line."""


def read_pairs(
    path: str | os.PathLike,
    columns: tuple[int, int] = (0, 1),
    header: bool = False,
    encoding: str = "utf-8",
    member: str | None = None,
) -> list[dict]:
    r"""Read pairs from a file with one pair a line, its columns separated by tabs.

    Several lines with one source are alternatives: `alternatives` puts them together.

    Args:
        path: A text file, or a zip archive that holds it.
        columns: The columns of the source and the target, from 0; all other columns are left out.
        header: Whether the first line names the columns.
        encoding: How the file's characters are encoded.
        member: The file in the archive; None where there is only one.

    Returns:
        Records {"source": "tandis", "target": "t ɑ̃ d i"}, one a line, in the order of the file; spaces around
        a source or a target are removed.

    Raises:
        DataFileError: If a line has fewer columns than it needs or another number than the first line, a source
            or target is empty, the encoding is another, or there is no line.
        FileNotFoundError: If there is no such file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "pairs.tsv")
    >>> _ = path.write_text("dog\tchien\ncat\tchat\n", encoding="utf-8")
    >>> read_pairs(path)
    [{'source': 'dog', 'target': 'chien'}, {'source': 'cat', 'target': 'chat'}]
    """
    where, lines = _lines(path, encoding, member)
    needed = max(columns) + 1
    records, width = [], None
    for number, line in lines:
        if not line.strip():
            continue
        fields = line.split("\t")
        if width is None:
            width = len(fields)
            if width < needed:
                raise DataFileError(
                    f"{where}, line {number}: {_counted(width, 'column')}, but columns {columns[0]} and {columns[1]} "
                    f"(counted from 0) are expected: are they separated by tabs?"
                )
            if header:
                continue
        if len(fields) != width:
            raise DataFileError(
                f"{where}, line {number}: {_counted(len(fields), 'column')}, but the first line has {width}: "
                "is a tab missing, or one too many?"
            )
        record = {key: fields[column].strip() for key, column in zip(("source", "target"), columns, strict=True)}
        for key, value in record.items():
            if not value:
                raise DataFileError(f"{where}, line {number}: the {key} is empty: fill it in, or remove the line")
        records.append(record)
    if not records:
        raise DataFileError(f"{where}: no line with a source and a target, but at least one is expected")
    return records


def read_conll(
    path: str | os.PathLike,
    token: int | None = None,
    tag: int | None = None,
    encoding: str = "utf-8",
    member: str | None = None,
) -> list[dict]:
    r"""Read tagged sentences from a CoNLL or CoNLL-U file: one token a line, an empty line after a sentence.

    A file is CoNLL-U if its name ends so, or if it has ten columns separated by tabs. Its comments, the ranges of
    multiword tokens (1-2) and its empty nodes (1.1) are left out. Other files have columns separated by tabs, or,
    where the first line has none, by spaces; lines with -DOCSTART- are left out.

    Args:
        path: A text file, or a zip archive that holds it.
        token: The column of the tokens, from 0; None for the first (of CoNLL-U: FORM).
        tag: The column of the tags, from 0, or from the end if negative; None for the last (of CoNLL-U: UPOS).
        encoding: How the file's characters are encoded.
        member: The file in the archive; None where there is only one.

    Returns:
        Records {"tokens": ["Redondo", "Beach"], "tags": ["B-location", "I-location"]}, both of the same length
        and not empty, in the order of the file.

    Raises:
        DataFileError: If a line has another number of columns than the first, lacks a column, or has an empty
            token or tag; if the encoding is another, or there is no sentence.
        FileNotFoundError: If there is no such file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "names.conll")
    >>> _ = path.write_text("Ann\tB-PER\nsleeps\tO\n\nYes\tO\n", encoding="utf-8")
    >>> read_conll(path)[0]
    {'tokens': ['Ann', 'sleeps'], 'tags': ['B-PER', 'O']}
    """
    where, lines = _lines(path, encoding, member)
    lines = list(lines)
    conllu = where.endswith(".conllu") or _looks_like_conllu(lines)
    token, tag = (
        (_FORM if conllu else 0) if token is None else token,
        (_UPOS if conllu else -1) if tag is None else tag,
    )
    separator, width = None, None
    records: list[dict] = [{"tokens": [], "tags": []}]
    for number, line in lines:
        if not line.strip() or line.startswith("-DOCSTART-"):
            if records[-1]["tokens"]:
                records.append({"tokens": [], "tags": []})
            continue
        if conllu and line.startswith("#"):
            continue
        if width is None:
            separator = "\t" if conllu or "\t" in line else None  # None splits at any run of spaces
        fields = line.split(separator)
        if width is None:
            width = len(fields)
            _check_columns(f"{where}, line {number}", width, conllu, token, tag)
        if len(fields) != width:
            raise DataFileError(
                f"{where}, line {number}: {_counted(len(fields), 'column')}, but the first line has {width}: "
                "each line is one token with its columns, and an empty line ends a sentence"
            )
        if conllu and not fields[0].isdigit():
            if not fields[0].replace("-", "").replace(".", "").isdigit():
                raise DataFileError(f"{where}, line {number}: the ID is {fields[0]!r}, but a number is expected")
            continue
        for key, column in (("tokens", token), ("tags", tag)):
            value = fields[column].strip(" ")
            if not value:
                raise DataFileError(f"{where}, line {number}: the {key[:-1]} is empty, but every token has one")
            records[-1][key].append(value)
    if not records[-1]["tokens"]:
        records.pop()
    if not records:
        raise DataFileError(f"{where}: no sentence, but at least one is expected")
    return records


def alternatives(pairs: Iterable[dict]) -> dict[str, list[str]]:
    """Put the targets of each source together.

    Args:
        pairs: Records {"source", "target"}.

    Returns:
        For each source its targets, no two alike; both in the order in which they first come.

    >>> alternatives([{"source": "run", "target": "cours"}, {"source": "run", "target": "courez"}])
    {'run': ['cours', 'courez']}
    """
    grouped: dict[str, dict[str, None]] = {}  # a dict of None is a set that keeps its order
    for pair in pairs:
        grouped.setdefault(pair["source"], {})[pair["target"]] = None
    return {source: list(targets) for source, targets in grouped.items()}


def split_records(records: Sequence[dict], key: str = "source") -> dict[str, list[dict]]:
    """Divide one file's records into train, validation and test (a twentieth each) by a fixed hash.

    Records with the same value of `key` come into the same split, so no source of the test set was seen in
    training.

    Args:
        records: Records of one file.
        key: What decides: "source" for pairs, "tokens" for tagged sentences, "text" for texts.

    Returns:
        Records by split, in the order of the file.

    Raises:
        ValueError: If a record lacks `key`.
    """
    by_split: dict[str, list[dict]] = {split: [] for split in SPLITS}
    for i, record in enumerate(records):
        if key not in record:
            raise ValueError(f"record {i} has the keys {', '.join(record)}, but {key!r} is expected: name another key")
        value = record[key]
        by_split[split_of(value if isinstance(value, str) else "\t".join(value))].append(record)
    return by_split


def as_dataset(records: Sequence[dict]) -> "tf.data.Dataset":
    """Turn records into a `tf.data.Dataset`, as `datasets.load` gives it.

    Args:
        records: Dicts with the same keys, whose values are strings or lists of strings.

    Returns:
        A dataset of dicts of string tensors: shape () for a string, (time,) for a list.

    Raises:
        ValueError: If there are no records, or one has other keys than the first.
    """
    import tensorflow as tf

    records = list(records)
    if not records:
        raise ValueError("records is empty, but at least one record is expected")
    keys = list(records[0])
    for i, record in enumerate(records):
        if list(record) != keys:
            raise ValueError(f"record {i} has the keys {', '.join(record)}, but the first has {', '.join(keys)}")
    columns = {}
    for key in keys:
        values = [record[key] for record in records]
        columns[key] = tf.constant(values) if isinstance(values[0], str) else tf.ragged.constant(values, dtype="string")
    # A row of a ragged tensor is a tensor, but only a function makes tf.data declare it as one.
    return tf.data.Dataset.from_tensor_slices(columns).map(dict)


def _lines(path: str | os.PathLike, encoding: str, member: str | None) -> tuple[str, Iterator[tuple[int, str]]]:
    """Return the file's name for messages, and its numbered lines without their ends."""
    path = Path(path)
    where, data = str(path), path.read_bytes()
    if path.suffix.lower() == ".zip":
        member, data = _unzipped(path, member)
        where = f"{path}:{member}"
    elif member is not None:
        raise DataFileError(f"{path} is no zip archive, but member is {member!r}: leave member out")
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"  # the same, without the byte order mark that some editors write
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataFileError(f"{where}, line 1: not UTF-8, but UTF-16 by its first bytes: pass encoding='utf-16'")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise DataFileError(
            f"{where}, line {number}: byte 0x{data[error.start]:02x} is not {error.encoding.upper()}: save the file "
            "as UTF-8, or pass its encoding, like encoding='latin-1'"
        ) from None
    # str.splitlines would also break at characters that belong to a text, like U+2028.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return where, enumerate(text.split("\n"), start=1)


def _unzipped(path: Path, member: str | None) -> tuple[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            # Names that start with _ or . are notes: _about.txt, and what macOS adds to every archive.
            inside = [
                name
                for name in archive.namelist()
                if name.lower().endswith(_TEXT_SUFFIXES) and not any(part[0] in "_." for part in Path(name).parts)
            ]
            if member is None and len(inside) == 1:
                member = inside[0]
            if member is None:
                raise DataFileError(f"{path} holds {_listed(inside)}, but one text file is expected: name it as member")
            if member not in archive.namelist():
                raise DataFileError(f"{path} holds {_listed(inside)}, but no {member!r}")
            return member, archive.read(member)
    except zipfile.BadZipFile as error:
        raise DataFileError(f"{path} is no whole zip archive ({error}): get it again") from None


def _looks_like_conllu(lines: Sequence[tuple[int, str]]) -> bool:
    first = next((line for _, line in lines if line.strip() and not line.startswith(("# ", "-DOCSTART-"))), "")
    return len(first.split("\t")) == _CONLLU_COLUMNS


def _check_columns(where: str, width: int, conllu: bool, token: int, tag: int) -> None:
    if conllu and width != _CONLLU_COLUMNS:
        raise DataFileError(
            f"{where}: {_counted(width, 'column')}, but CoNLL-U has {_CONLLU_COLUMNS}, separated by tabs"
        )
    for name, column in (("token", token), ("tag", tag)):
        if not -width <= column < width:
            raise DataFileError(f"{where}: {_counted(width, 'column')}, but the {name} is expected in column {column}")
    if token % width == tag % width:
        raise DataFileError(
            f"{where}: {_counted(width, 'column')}, but a token and its tag are expected: are they separated by "
            "tabs or spaces?"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "") if names else "no text file"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
