"""Public data sets through `tensorflow_datasets`, with one schema for each kind of task.

| kind | record |
|---|---|
| text | {"text": "First Citizen: …"} |
| classified text | {"text": "A fine film", "label": "pos"} |
| tagged tokens | {"tokens": ["Ann", "sleeps"], "tags": ["B-PER", "O"]} |
| pairs | {"source": "o cão", "target": "the dog"} |

Every set has the splits train, validation and test. A set is found already prepared, or prepared from files that
you have put into a folder, or downloaded, in that order. Nothing waits for ever: a download that brings nothing for
`wait` seconds ends with `PublicDataUnavailable` and one sentence on what to do.
"""

import functools
import hashlib
import importlib.util
import os
import shutil
import tarfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from utils.datasets.download import NoAnswerError, fetch
from utils.datasets.splits import SPLITS, check_split

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

WAIT = 20.0  # seconds without a byte after which a download is given up


class PublicDataUnavailable(Exception):
    """A public set cannot be had here; the message is one sentence that says why, and what to do."""


@dataclass(frozen=True)
class PublicSet:
    """What the course needs to know of a public set.

    Args:
        name: Its name in tfds, with its configuration.
        kind: "text", "classified text", "tagged tokens" or "pairs".
        features: For each key of the schema the name of tfds' feature.
        urls: The files it is made of; the last part of each is the file's name.
        splits: The splits in tfds' notation.
        package: A package that tfds needs to read the files, or None.
    """

    name: str
    kind: str
    features: Mapping[str, str]
    urls: tuple[str, ...]
    splits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({split: split for split in SPLITS}))
    package: str | None = None

    @property
    def files(self) -> dict[str, str]:
        """The address of each file, by the file's name."""
        return {PurePosixPath(urlsplit(url).path).name: url for url in self.urls}


_EWT = "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/r2.10/en_ewt-ud-{}.conllu"

SETS: Mapping[str, PublicSet] = MappingProxyType(
    {
        known.name: known
        for known in (
            PublicSet(
                "imdb_reviews",
                "classified text",
                {"text": "text", "label": "label"},
                ("http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
                # The set has no validation split; tfds mixes the examples, so the last tenth is like the others.
                {"train": "train[:90%]", "validation": "train[90%:]", "test": "test"},
            ),
            PublicSet(
                "ted_hrlr_translate/pt_to_en",
                "pairs",
                {"source": "pt", "target": "en"},
                ("http://www.phontron.com/data/qi18naacl-dataset.tar.gz",),
            ),
            PublicSet(
                "tiny_shakespeare",
                "text",
                {"text": "text"},
                ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
            ),
            PublicSet(
                "universal_dependencies/en_ewt",
                "tagged tokens",
                {"tokens": "tokens", "tags": "upos"},
                tuple(_EWT.format(part) for part in ("train", "dev", "test")),
                {"train": "train", "validation": "dev", "test": "test"},
                package="conllu",
            ),
            PublicSet(
                "wikiann/en",
                "tagged tokens",
                {"tokens": "tokens", "tags": "tags"},
                ("https://www.dropbox.com/s/12h3qqog6q4bjve/panx_dataset.tar?dl=1",),
            ),
        )
    }
)


def names() -> list[str]:
    """Return the names of the public sets, in alphabetical order."""
    return sorted(SETS)


def load(
    name: str,
    split: str | None = None,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    wait: float = WAIT,
) -> "tf.data.Dataset | dict[str, tf.data.Dataset]":
    """Return a split of a public set as a `tf.data.Dataset`, preparing the set on first use.

    Args:
        name: Name of the set, one of `names()`.
        split: "train", "validation" or "test"; None for all.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
        manual_dir: Folder with the files that the set is made of; None for `downloads/manual` in `data_dir`, and
            where they are not there, the network.
        wait: Seconds without progress after which a download is given up.

    Returns:
        A dataset of dicts of string tensors with the keys of the set's kind, shape () for a text and (time,) for
        tokens and tags; for None a dict of such datasets by split.

    Raises:
        ValueError: If the set or the split is unknown.
        PublicDataUnavailable: If the set cannot be had.
        OSError: If the data cannot be written.
    """
    if split is not None:
        check_split(split)
    builder = prepare(name, data_dir, manual_dir, wait)
    datasets = {part: _as_schema(builder, SETS[name], part) for part in ([split] if split else SPLITS)}
    return datasets[split] if split else datasets


def records(name: str, split: str, data_dir: str | os.PathLike | None = None) -> list[dict]:
    """Return a split of a public set as plain Python records, preparing the set on first use.

    Args:
        name: Name of the set, one of `names()`.
        split: "train", "validation" or "test".
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.

    Returns:
        Dicts of strings and lists of strings with the keys of the set's kind.

    Raises:
        ValueError: If the set or the split is unknown.
        PublicDataUnavailable: If the set cannot be had.
    """
    check_split(split)
    result = []
    for batch in load(name, split, data_dir).ragged_batch(1024):  # in batches, which are read many times faster
        columns = {key: _decoded(column.numpy().tolist()) for key, column in batch.items()}
        result += [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return result


def prepare(
    name: str,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    wait: float = WAIT,
) -> "tfds.core.DatasetBuilder":
    """Return the builder of a public set that lies whole on disk: found, made from files by hand, or downloaded.

    Args:
        name: Name of the set, one of `names()`.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
        manual_dir: Folder with the files that the set is made of; where it is given, nothing is downloaded.
        wait: Seconds without progress after which a download is given up.

    Returns:
        The builder, ready for `as_dataset`.

    Raises:
        ValueError: If the set is unknown.
        PublicDataUnavailable: If the set cannot be had.
        OSError: If the data cannot be written.
    """
    known, make = _known(name), maker(name)
    from utils.datasets import builders  # here, because it imports tensorflow_datasets

    builder = builders.found(make, data_dir)
    if builder is None:
        try:
            builder = _made(known, make, data_dir, manual_dir, wait)
        except (PublicDataUnavailable, OSError):
            builder = builders.found(make, data_dir)
            if builder is None:
                raise
            # Another process was first, and has removed what it had downloaded.
    return builder


def maker(name: str) -> Callable[..., "tfds.core.DatasetBuilder"]:
    """Return what makes the builder of a public set, given `data_dir`.

    Args:
        name: Name of the set, one of `names()`.

    Raises:
        ValueError: If the set is unknown.
    """
    dataset, _, config = _known(name).name.partition("/")
    import tensorflow_datasets as tfds

    builder = _wikiann() if dataset == "wikiann" else tfds.builder_cls(dataset)
    return functools.partial(builder, config=config or None)


def download_size(name: str) -> int | None:
    """Return how many bytes are downloaded for a public set, or None where tfds does not say.

    Args:
        name: Name of the set, one of `names()`.

    Raises:
        ValueError: If the set is unknown.
    """
    infos = maker(name).func.url_infos or {}
    sizes = [infos[url].size for url in SETS[name].urls if url in infos]
    return sum(sizes) if len(sizes) == len(SETS[name].urls) else None


def _known(name: str) -> PublicSet:
    if name not in SETS:
        raise ValueError(f"public set is {name!r}, but one of {', '.join(names())} is expected")
    return SETS[name]


def _made(
    known: PublicSet,
    make: Callable[..., "tfds.core.DatasetBuilder"],
    data_dir: str | os.PathLike | None,
    manual_dir: str | os.PathLike | None,
    wait: float,
) -> "tfds.core.DatasetBuilder":
    """Return the builder of a set made from its files, by hand or downloaded."""
    import tensorflow_datasets as tfds

    from utils.datasets import builders

    if known.package and importlib.util.find_spec(known.package) is None:
        raise PublicDataUnavailable(
            f"{known.name} cannot be had: reading it needs the package {known.package}, which `pip install "
            f"{known.package}` brings"
        )
    downloads = builders.root(data_dir) / "downloads"
    own = downloads / "course" / known.name.replace("/", "-")
    if manual_dir is not None:
        folder = Path(manual_dir)
        missing = [file for file in known.files if not (folder / file).is_file()]
        if missing:
            raise PublicDataUnavailable(_sentence(known, f"there is no {' and no '.join(missing)} in {folder}"))
    else:
        folder = downloads / "manual"
        if not all((folder / file).is_file() for file in known.files):
            folder = own
            _download(known, folder, wait)
    for file, url in known.files.items():
        if not _is_right(folder / file, (make.func.url_infos or {}).get(url)):
            why = f"{folder / file} ({(folder / file).stat().st_size} bytes) is not the file that it is made of"
            if folder == own:
                (folder / file).unlink()  # or every later try would end here
            raise PublicDataUnavailable(_sentence(known, why))
    extracted = downloads / f"extracted.{uuid.uuid4().hex}"  # its own, because tfds takes what an earlier run left
    config = tfds.download.DownloadConfig(manual_dir=folder, extract_dir=extracted)
    try:
        builder = builders.ensure(functools.partial(_watched, make), data_dir, config)
    except OSError:
        raise
    except Exception as error:  # whatever a reader of files may raise; the cause stays in the traceback
        why = f"what is in {folder} cannot be read ({' '.join(str(error).split())[:200]})"
        raise PublicDataUnavailable(_sentence(known, why)) from error
    finally:
        shutil.rmtree(extracted, ignore_errors=True)
    shutil.rmtree(own, ignore_errors=True)
    return builder


def _watched(make: Callable[..., "tfds.core.DatasetBuilder"], data_dir: str | os.PathLike | None) -> object:
    """Return a builder that shows a progress bar while it takes its examples."""
    from utils.datasets import builders

    builder = make(data_dir=data_dir)
    generate = builder._generate_examples
    builder._generate_examples = lambda *args, **kwargs: builders.shown(generate(*args, **kwargs), builder.name)
    return builder


@functools.cache
def _wikiann() -> type:
    """Return tfds' builder, made to take its archive by hand: it has no checksum, without which tfds would not."""
    import tensorflow_datasets as tfds

    class Archive:
        def __init__(self, manager: tfds.download.DownloadManager) -> None:
            self.manager = manager
            self.extract = manager.extract

        def download_and_extract(self, url: str) -> os.PathLike:
            return self.extract(self.manager.manual_dir / PurePosixPath(urlsplit(url).path).name)

    class Wikiann(tfds.builder_cls("wikiann"), skip_registration=True):
        """Named entities in articles of Wikipedia."""

        MANUAL_DOWNLOAD_INSTRUCTIONS = "Put panx_dataset.tar into the folder."

        def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> list:
            return super()._split_generators(Archive(dl_manager))

    return Wikiann


def _as_schema(builder: "tfds.core.DatasetBuilder", known: PublicSet, split: str) -> "tf.data.Dataset":
    import tensorflow as tf

    sources = {key: builder.info.features[feature] for key, feature in known.features.items()}
    classes = {key: getattr(getattr(source, "feature", source), "names", None) for key, source in sources.items()}

    def renamed(example: dict) -> dict:
        result = {}
        for key, feature in known.features.items():
            value = example[feature]
            result[key] = tf.gather(tf.constant(classes[key]), value) if classes[key] else value
        return result

    return builder.as_dataset(split=known.splits[split]).map(renamed)


def _decoded(value: bytes | list) -> str | list:
    return value.decode("utf-8") if isinstance(value, bytes) else [_decoded(part) for part in value]


def _is_right(path: Path, info: "tfds.core.download.checksums.UrlInfo | None") -> bool:
    """Return whether a file is the one that tfds knows, or, where tfds knows none, an archive."""
    if info is None:
        return tarfile.is_tarfile(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == info.checksum


def _download(known: PublicSet, folder: Path, wait: float) -> None:
    """Download what is not in `folder` yet; a file is there whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot write into {folder} ({error}): set TFDS_DATA_DIR to a directory of yours") from error
    for file, url in known.files.items():
        if not (folder / file).is_file():
            try:
                fetch(url, folder / file, wait)
            except NoAnswerError as error:
                raise PublicDataUnavailable(_sentence(known, str(error))) from None


def _sentence(known: PublicSet, why: str) -> str:
    files, address = " and ".join(known.files), known.urls[0]
    if len(known.urls) > 1:
        address = address.rpartition("/")[0]
    return (
        f"{known.name} cannot be had: {why}; with {files} (from {address}) in a folder, "
        f"`course data prepare {known.name} --manual-dir FOLDER` makes it"
    )
