"""Experiments: what a lesson claims of several seeds, or what takes more time than a notebook has.

`course experiment NAME` runs one again and writes its CSV; `stored(NAME)` reads the one that comes with the course:

>>> stored("adding").seeds
(0, 1, 2)

To add one: write a function `rows(seed, settings, variants, advance)` in a module of its own, which yields the rows of
one seed, and an `Experiment` below. Then `course experiment NAME --store`.
"""

import datetime
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.experiments import adding, agreement, language, pronunciation, tagging, translation, variants
from utils.experiments.storage import Result, read, write

__all__ = ["EXPERIMENTS", "Experiment", "Result", "find", "names", "path", "run", "stored", "write"]

Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """A question, and how it is answered.

    Attributes:
        name: What the command calls it.
        question: What it asks, in one sentence.
        columns: The columns of its table.
        settings: What is set, by name; stored with the result.
        work: How many units of progress one seed makes (training steps, epochs), from the settings.
        rows: Called with a seed, the settings and a function that reports progress; yields the rows of that seed.
    """

    name: str
    question: str
    columns: tuple[str, ...]
    settings: Mapping[str, Any]
    work: Callable[[Mapping[str, Any]], int]
    rows: Callable[[int, Mapping[str, Any], Callable[[int], None]], Rows]


_ADDING = {"T": 100, "n_a": 32, "batch": 64, "steps": 2000, "every": 100, "clipnorm": 1.0, "test": 2000}
_ADDING_COLUMNS = ("seed", "cell", "learning_rate", "forget_bias", "step", "error")
_AGREEMENT = {
    "n_a": 64,
    "embedding": 32,
    "sentences": 8830,
    "batch": 64,
    "clipnorm": 1.0,
    "variants": [
        {"cell": "GRU", "learning_rate": 0.01},
        {"cell": "LSTM", "learning_rate": 0.01},
        {"cell": "plain", "learning_rate": 0.01},
        {"cell": "plain", "learning_rate": 0.001},
    ],
}
_TAGGING = {
    "embedding": 32,
    "sentences": 8100,
    "batch": 64,
    "epochs": 4,
    "learning_rate": 0.004,
    "variants": [
        {"tagger": "left to right", "both": False, "n_a": 96, "min_count": 4},
        {"tagger": "both directions", "both": True, "n_a": 64, "min_count": 4},
        {"tagger": "both, never <UNK>", "both": True, "n_a": 64, "min_count": 1},
    ],
}
_TAGGING_COLUMNS = ("seed", "tagger", "decoding", "by", "value", "accuracy", "f1", "recall", "n", "illegal")
_AGREEMENT_COLUMNS = ("seed", "objective", "cell", "learning_rate", "by", "value", "accuracy", "n")
_LANGUAGE_COLUMNS = ("seed", "weights", "direct", "dropout", "epoch", "train", "validation")
_LANGUAGE = {"min_count": 5, "embedding": 64, "n_a": 96, "learning_rate": 0.006, "clipnorm": 1.0}
_VARIANTS_COLUMNS = ("seed", "model", "source", "parameters", "validation", "length", "exact", "bleu", "n")
_VARIANTS = {
    "first": 60_000,
    "lengths": [3, 8],
    "embedding": 64,
    "n_a": 128,
    "batch": 64,
    "learning_rate": 0.006,
    "clipnorm": 1.0,
    "variants": [
        {"model": model, "source": source} for model in ("Cho", "Sutskever") for source in ("forwards", "reversed")
    ],
}
_TRANSLATION_COLUMNS = ("seed", "attention", "units", "length", "exact", "bleu", "n")
_TRANSLATION = {
    "embedding": 64,
    "lengths": [3, 29],
    "tokens": 3000,
    "epochs": 5,
    "learning_rate": 0.008,
    "clipnorm": 1.0,
    "tested": 150,
}
_PRONUNCIATION = {
    "embedding": 64,
    "words": 112458,
    "batch": 128,
    "epochs": 2,
    "learning_rate": 0.008,
    "clipnorm": 1.0,
    "tested": 6353,
    "variants": [
        {"attention": "none", "directions": 1, "units": 128},
        {"attention": "none", "directions": 2, "units": 128},
        {"attention": "bahdanau", "directions": 2, "units": 80},
    ],
}


def _of_variants(seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> Rows:
    return adding.rows(seed, settings, settings["variants"], advance)


def _all_steps(settings: Mapping[str, Any]) -> int:
    return settings["steps"] * len(settings["variants"])


def _of_objectives(seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> Rows:
    return agreement.rows(seed, settings, settings["objectives"], advance)


def _all_epochs(settings: Mapping[str, Any]) -> int:
    return settings["epochs"] * len(settings["objectives"]) * len(settings["variants"])


def _of_taggers(seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> Rows:
    return tagging.rows(seed, settings, settings["variants"], advance)


def _epochs_of_variants(settings: Mapping[str, Any]) -> int:
    return settings["epochs"] * len(settings["variants"])


def _all_passes(settings: Mapping[str, Any]) -> int:
    return settings["passes"] * len(settings["lengths"]) * len(settings["trained"])


EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "adding",
            "Which cell learns to add two numbers that stand far apart in 100 positions?",
            _ADDING_COLUMNS,
            _ADDING
            | {
                "variants": [
                    {"cell": cell, "learning_rate": rate}
                    for cell in ("GRU", "LSTM", "plain")
                    for rate in (0.01, 0.001, 0.0003)
                ]
            },
            _all_steps,
            _of_variants,
        ),
        Experiment(
            "adding-longer",
            "Does a plain network with as many parameters as the LSTM learn it, given three times the steps?",
            _ADDING_COLUMNS,
            _ADDING
            | {
                "n_a": 64,
                "steps": 6000,
                "every": 300,
                "variants": [{"cell": "plain", "learning_rate": rate} for rate in (0.001, 0.0003)],
            },
            _all_steps,
            _of_variants,
        ),
        Experiment(
            "forget-bias",
            "What should the biases of an LSTM's forget gates start at, if it has to remember for 100 positions?",
            _ADDING_COLUMNS,
            _ADDING
            | {
                "steps": 1200,
                "variants": [
                    {"cell": "LSTM", "learning_rate": 0.01, "forget_bias": bias} for bias in (0.0, 1.0, "spread")
                ],
            },
            _all_steps,
            _of_variants,
        ),
        Experiment(
            "agreement",
            "Which cell learns that the subject decides the form of a verb up to 50 words later, when it predicts the "
            "verb, and when it is asked for the number directly?",
            _AGREEMENT_COLUMNS,
            _AGREEMENT | {"objectives": ["the verb", "the number"], "epochs": 8},
            _all_epochs,
            _of_objectives,
        ),
        Experiment(
            "agreement-every-word",
            "The same, when the loss counts every word of the sentence and the verb is one of them.",
            _AGREEMENT_COLUMNS,
            _AGREEMENT
            | {
                "objectives": ["every word"],
                "epochs": 15,
                "variants": [v for v in _AGREEMENT["variants"] if v != {"cell": "plain", "learning_rate": 0.01}],
            },
            _all_epochs,
            _of_objectives,
        ),
        Experiment(
            "tagging",
            "Which names does a tagger find that reads in one direction, and which one that reads in both, by where "
            "the clue stands and whether the name is new?",
            _TAGGING_COLUMNS,
            _TAGGING,
            _epochs_of_variants,
            _of_taggers,
        ),
        Experiment(
            "language-model",
            "How much of the gap between counting pairs and the grammar itself does an LSTM close, with and without a "
            "direct way from the last word to the prediction?",
            (*_LANGUAGE_COLUMNS, "test"),
            _LANGUAGE
            | {
                "n_a": 192,
                "sentences": 19825,
                "batch": 32,
                "epochs": 8,
                "learning_rate": 0.008,
                "judged_on": ["validation", "test"],
                "variants": [{"weights": "tied", "direct": direct, "dropout": 0.15} for direct in ("yes", "no")],
            },
            _epochs_of_variants,
            language.rows,
        ),
        Experiment(
            "tying",
            "What do tied weights and dropout do for a language model that has read 2000 sentences?",
            _LANGUAGE_COLUMNS,
            _LANGUAGE
            | {
                "sentences": 2000,
                "batch": 32,
                "epochs": 10,
                "learning_rate": 0.008,
                "judged_on": ["validation"],
                "variants": [
                    {"weights": weights, "direct": "no", "dropout": dropout}
                    for dropout in (0.0, 0.3)
                    for weights in ("tied", "untied")
                ],
            },
            _epochs_of_variants,
            language.rows,
        ),
        Experiment(
            "carried-state",
            "Running text is read in segments: what is lost if each of them starts from zeros, in training and after?",
            ("seed", "length", "trained", "read", "nats"),
            _LANGUAGE | {"streams": 32, "passes": 2, "lengths": [5, 20], "trained": ["carried", "reset"]},
            _all_passes,
            language.carried_rows,
        ),
        Experiment(
            "variants",
            "Cho's encoder–decoder and Sutskever's, the source read forwards and backwards: which translates best?",
            _VARIANTS_COLUMNS,
            _VARIANTS | {"epochs": 3},
            _epochs_of_variants,
            variants.rows,
        ),
        Experiment(
            "variants-longer",
            "The same after three times as many epochs: which of them had only learnt more slowly?",
            _VARIANTS_COLUMNS,
            _VARIANTS | {"epochs": 9},
            _epochs_of_variants,
            variants.rows,
        ),
        Experiment(
            "bottleneck",
            "How long may a sentence be for a context of 64, 128 or 256 numbers to hold what its translation needs?",
            _TRANSLATION_COLUMNS,
            _TRANSLATION | {"variants": [{"attention": "none", "units": units} for units in (64, 128, 256)]},
            _epochs_of_variants,
            translation.rows,
        ),
        Experiment(
            "attention",
            "And how long may it be if the decoder attends to the whole source at every step?",
            _TRANSLATION_COLUMNS,
            _TRANSLATION | {"variants": [{"attention": "bahdanau", "units": 128}]},
            _epochs_of_variants,
            translation.rows,
        ),
        Experiment(
            "extrapolation",
            "What do translators that have learnt from sentences of up to 11 words make of longer ones?",
            _TRANSLATION_COLUMNS,
            _TRANSLATION
            | {
                "lengths": [3, 11],
                "variants": [{"attention": attention, "units": 128} for attention in ("none", "bahdanau")],
            },
            _epochs_of_variants,
            translation.rows,
        ),
        Experiment(
            "pronunciation",
            "How many words does an encoder–decoder pronounce rightly, with attention and without, after the same "
            "training? And is it the second direction of the encoder that helps?",
            ("seed", "attention", "directions", "units", "parameters", "letters", "per", "wer", "n"),
            _PRONUNCIATION,
            _epochs_of_variants,
            pronunciation.rows,
        ),
    )
}


def names() -> list[str]:
    """Return the names of the experiments."""
    return list(EXPERIMENTS)


def find(name: str) -> Experiment:
    """Return an experiment.

    Raises:
        ValueError: If there is none of this name; the message lists them.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def path(name: str) -> Path:
    """Return where the result of an experiment is stored in the library."""
    return Path(__file__).parent / "results" / f"{find(name).name}.csv"


def stored(name: str) -> Result:
    """Return the result that comes with the course.

    Raises:
        ValueError: If there is no such experiment.
        FileNotFoundError: If it was never stored.
    """
    return read(path(name))


def run(
    name: str,
    seeds: Sequence[int] = (0, 1, 2),
    advance: Callable[[int], None] = lambda units: None,
    **changes: Any,
) -> Result:
    """Run an experiment.

    Args:
        name: Which.
        seeds: One run for each.
        advance: Called with the units of progress made since its last call.
        **changes: Settings that differ from the experiment's own.

    Returns:
        The result, not stored.

    Raises:
        ValueError: If there is no such experiment or setting, or no seed.
    """
    experiment = find(name)
    for key in changes:
        if key not in experiment.settings:
            raise ValueError(f"{name} has no setting {key!r}; it has: {', '.join(experiment.settings)}")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds is {list(seeds)}, but at least one is expected, and none twice")
    settings = dict(experiment.settings) | changes
    start = time.perf_counter()
    rows = [row for seed in seeds for row in experiment.rows(seed, settings, advance)]
    return Result(
        experiment=name,
        settings=settings,
        seeds=tuple(seeds),
        hardware=_hardware(),
        date=datetime.date.today().isoformat(),
        versions=_versions(),
        minutes=round((time.perf_counter() - start) / 60, 1),
        rows=tuple(rows),
    )


def _hardware() -> str:
    """Return the device, and the processor's name where the system tells it."""
    from utils.runtime import gpu_names

    if gpu_names():
        return f"GPU {gpu_names()[0]}"
    cores = os.cpu_count() or 1
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"CPU, {cores} core{'s' if cores > 1 else ''} ({model})"


def _versions() -> str:
    from utils.runtime import version

    found = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}
    return ", ".join([f"Python {platform.python_version()}", *(f"{k} {version(v)}" for k, v in found.items())])
