"""`course train seq2seq`: the settings, the training loop, the evaluation."""

import dataclasses
import math
import os
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils import metrics, runtime
from utils.layers.encoder_decoder import EncoderDecoder
from utils.layers.lstm import runs_by_hand
from utils.training import pairs, translator
from utils.training.files import whole_file
from utils.training.folder import RunError, RunFolder
from utils.training.pairs import Batches, Pairs, join_units
from utils.training.run import BestKept, Show, adamw, checked_limit, crosses, draw_losses, train_all
from utils.training.scores import scores
from utils.training.translator import Languages, Translator

CURVES, LOSSES, PREDICTIONS, HEAT_MAPS = "curves.png", "losses.png", "predictions.tsv", "attention-{}.png"
ATTENTIONS = ("bahdanau", "luong", "none")
_EVALUATIONS = 20
_PATIENCE = 8  # evaluations without a better one, after which training ends
_MOST_DEV = 1000  # sources that choose the weights
_MOST_DRAWN = 20  # tokens of a source or an output whose attention is drawn


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The sizes and rates of a run.

    Attributes:
        embedding, units, layers, dropout, cell: Those of `EncoderDecoder`.
        attention: "bahdanau", "luong" or "none".
        batch: Pairs of a batch.
        learning_rate: The highest rate of the cosine.
        weight_decay: Of AdamW.
        clip: Largest global norm of the gradient.
        smoothing: Share of each target's probability that is spread over all tokens.
        unknown: Share of the source tokens that training takes for unknown ones.
        ensemble: Number of models, with equal shares of the time; as many train at once as there are cores.
        beam: Candidates that the search follows.
        length_penalty: Of the search.
        minutes: Wall time of the training of all models together.
    """

    embedding: int = 64
    units: int = 128
    layers: int = 1
    dropout: float = 0.3
    cell: str = "gru"
    attention: str = "bahdanau"
    batch: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    smoothing: float = 0.1
    unknown: float = 0.005
    ensemble: int = 4
    beam: int = 5
    length_penalty: float = 1.0
    minutes: float = 4.5


RECIPES = {"quick": Recipe(), "full": Recipe(embedding=128, units=256, dropout=0.4, ensemble=8, minutes=30.0)}


def train(
    train_file: str | Path,
    dev_file: str | Path,
    test_file: str | Path,
    out: str | Path,
    *,
    source_unit: str = "char",
    target_unit: str = "char",
    attention: str | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    profile: str | None = None,
    ensemble: int | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
    show: Show = lambda fraction, words: None,
) -> dict[str, Any]:
    """Train an encoder–decoder on pairs, or go on with a run that was interrupted.

    The weights that do best on the dev pairs are kept; the test pairs decide nothing.

    Args:
        train_file: Pairs to learn from: in each line a source, a tab and a target.
        dev_file: Pairs that choose the weights.
        test_file: Pairs that the report is about; rows with the same source are its alternative answers.
        out: The run's folder.
        source_unit: "char" or "word".
        target_unit: "char" or "word".
        attention: "bahdanau", "luong" or "none"; None for the recipe's.
        minutes: Wall time of the training of all models together; None for the recipe's.
        steps: Number of steps of each model instead.
        profile: "quick" or "full"; None for the machine's.
        ensemble: Number of models; None for the recipe's, or fewer where there are fewer minutes.
        seed: Decides the first weights, the order, dropout.
        recipe: Sizes and rates; None for the profile's.
        show: Called with the part that is done and a few words.

    Returns:
        The report, which is also written as report.json when everything else is.

    Raises:
        RunError: If the settings or the folder do not allow it, or a file is missing or too short.
        DataFileError: If a file does not hold pairs. In both cases nothing was written.
    """
    began = time.monotonic()
    recipe, profile = _chosen(recipe, profile, attention, minutes, ensemble)
    limit = checked_limit(recipe.minutes, steps, seed)
    files = {"train": train_file, "dev": dev_file, "test": test_file}
    parts = {name: pairs.read(path, source_unit, target_unit) for name, path in files.items()}
    pairs.check(parts, train_file)
    settings = {
        "command": "train seq2seq",
        "sha256 of the files": [part.digest for part in parts.values()],
        "source unit": source_unit, "target unit": target_unit, **limit, "seed": seed, "profile": profile,
        "recipe": dataclasses.asdict(recipe),
    }  # fmt: skip
    folder = RunFolder(out)
    if (report := folder.finished(settings)) is not None:
        return report
    # A core trains a small model for itself faster than all cores train one after another.
    workers = min(recipe.ensemble, os.cpu_count() or 1) if runs_by_hand() else 1
    if "seconds" in limit:
        limit["seconds"] /= math.ceil(recipe.ensemble / workers)
    with folder.begin(settings):
        languages = _languages(parts["train"], source_unit, target_unit)
        runs = [
            _Run(parts, languages, recipe, folder, limit, _seed_of(seed, number), number)
            for number in range(1, recipe.ensemble + 1)
        ]
        train_all(runs, workers, show)
        show(1.0, "evaluating")
        return _finish(runs, folder, parts, settings, profile, began)


class _Run(BestKept):
    """The training of one model."""

    def __init__(
        self,
        parts: dict[str, Pairs],
        languages: Languages,
        recipe: Recipe,
        folder: RunFolder,
        limit: dict[str, float],
        seed: int,
        number: int,
    ) -> None:
        self.recipe, self.dev = recipe, _first(parts["dev"], _MOST_DEV)
        runtime.seed_everything(seed)
        model = EncoderDecoder(
            len(languages.source), len(languages.target), recipe.embedding, recipe.units,
            None if recipe.attention == "none" else recipe.attention, cell=recipe.cell, layers=recipe.layers,
            dropout=recipe.dropout,
        )  # fmt: skip
        super().__init__(model, adamw(model, recipe), folder.checkpoint_of(number), limit, seed)
        self.batches = Batches(
            parts["train"].rows(), languages.source, languages.target, recipe.batch, seed, recipe.unknown
        )
        self.translator = Translator([model], languages)
        if self.path.exists():
            self.restore()

    def take_steps(self) -> Callable[[], float]:
        """Make the function that learns from the next batch."""
        compiled = _compiled_step(self.model, self.optimizer, self.recipe.smoothing)
        batches = self.batches.from_step(self.step)
        return lambda: float(compiled(*next(batches)))

    def is_due(self, before: float, after: float) -> bool:
        """Whether the history gets a point: the last after the last step."""
        return crosses(before, after, _EVALUATIONS)

    def point(self) -> dict[str, float]:
        """Evaluate on the dev pairs, keep the weights if no earlier ones did better, end where nothing gets better."""
        rates = metrics.error_rates(self.dev.answers, self.translator(self.dev.sources))
        self.keep(-rates.sequence - rates.token)
        point = {"dev_word_error_rate": rates.sequence, "dev_token_error_rate": rates.token}
        scores = [point["dev_word_error_rate"] + point["dev_token_error_rate"] for point in [*self.history, point]]
        self.over = len(scores) - 1 - int(np.argmin(scores)) >= _PATIENCE
        return point

    def words(self, loss: float) -> str:
        """The loss and the last error rate."""
        score = f", {100 * self.history[-1]['dev_word_error_rate']:.1f} % errors on dev" if self.history else ""
        return f"{loss:.3f} nats a token{score}"


def _chosen(
    recipe: Recipe | None, profile: str | None, attention: str | None, minutes: float | None, ensemble: int | None
) -> tuple[Recipe, str]:
    """The recipe with what was asked for, and the profile."""
    profile = profile or runtime.profile()
    if profile not in RECIPES:
        raise RunError(f"the profile is {profile!r}, but 'quick' or 'full' is expected")
    if attention not in (None, *ATTENTIONS):
        raise RunError(f"attention is {attention!r}, but 'bahdanau', 'luong' or 'none' is expected")
    if ensemble is not None and ensemble < 1:
        raise RunError(f"ensemble is {ensemble}, but at least 1 model is expected")
    recipe = recipe or RECIPES[profile]
    if ensemble is None and minutes is not None:  # each model needs a minute, or it learns too little
        ensemble = min(recipe.ensemble, max(1, int(minutes)))
    asked = {"attention": attention, "minutes": minutes, "ensemble": ensemble}
    asked = {name: value for name, value in asked.items() if value is not None}
    return dataclasses.replace(recipe, **asked), profile


def _seed_of(seed: int, number: int) -> int:
    """The seed of a model, from 1; the first has that of the run."""
    return seed if number == 1 else int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _languages(part: Pairs, source_unit: str, target_unit: str) -> Languages:
    rows = part.rows()
    lengths = np.array([(len(source), len(target)) for source, target in rows])
    return Languages(
        pairs.vocabulary([source for source, _ in rows], source_unit),
        pairs.vocabulary([target for _, target in rows], target_unit),
        source_unit,
        target_unit,
        int(lengths[:, 1].max()),
        float(np.quantile(lengths[:, 1] / lengths[:, 0], 0.98)),
    )


def _first(part: Pairs, number: int) -> Pairs:
    return dataclasses.replace(part, sources=part.sources[:number], answers=part.answers[:number])


def _finish(
    runs: Sequence[_Run],
    folder: RunFolder,
    parts: dict[str, Pairs],
    settings: dict[str, Any],
    profile: str,
    began: float,
) -> dict[str, Any]:
    """Evaluate the best weights, and write everything but the report, then the report."""
    for run in runs:
        run.take_best()
    recipe, languages = runs[0].recipe, runs[0].translator.languages
    both = Translator([run.model for run in runs], languages)
    outputs = {name: both(parts[name].sources, recipe.beam, recipe.length_penalty) for name in ("dev", "test")}
    seen = {tuple(source) for source in parts["train"].sources}
    test = parts["test"]
    unknown = sorted({token for source in test.sources for token in source if token not in languages.source})
    report = {
        **scores(test.answers, outputs["test"]),
        "dev": scores(parts["dev"].answers, outputs["dev"]),
        "attention": recipe.attention,
        "ensemble": len(runs),
        "sources": {name: len(part) for name, part in parts.items()},
        "pairs": {name: len(part.rows()) for name, part in parts.items()},
        "repeated_rows": {name: part.repeated for name, part in parts.items()},
        "test_sources_seen_in_training": sum(tuple(source) in seen for source in test.sources),
        "test_tokens_never_seen": unknown,
        "epochs": runs[0].step / runs[0].batches.each_pass,
    }
    report |= runs[0].facts(settings)
    report |= {
        "profile": profile,
        "seconds": round(sum(run.used for run in runs), 1),  # of the models; some train at the same time
        "steps": sum(run.step for run in runs),
        "parameters": report["parameters"] * len(runs),
        "interruptions": max(run.interruptions for run in runs),
        "seed": settings["seed"],
        "seconds_of_this_process": round(time.monotonic() - began, 1),
    }
    if len(runs) > 1:
        report["histories"] = [run.history for run in runs[1:]]
    translator.save(both, folder.path)
    _write_predictions(test, outputs["test"], languages, folder.path / PREDICTIONS)
    _draw_curves([run.history for run in runs], folder.path)
    if recipe.attention != "none":
        _draw_attention(both, test, outputs["test"], folder.path)
    report["seconds_of_this_process"] = round(time.monotonic() - began, 1)
    folder.finish(report)
    return report


def _write_predictions(part: Pairs, outputs: Sequence[Sequence[str]], languages: Languages, path: Path) -> None:
    rows = ["source\toutput\tright answers\tjudgement"]
    for source, answers, output in zip(part.sources, part.answers, outputs, strict=True):
        right = " | ".join(join_units(answer, languages.target_unit) for answer in answers)
        cells = (join_units(source, languages.source_unit), join_units(output, languages.target_unit), right)
        rows.append("\t".join([*cells, "right" if list(output) in answers else "wrong"]))
    with whole_file(path) as unfinished:
        unfinished.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _draw_curves(histories: Sequence[list[dict[str, float]]], folder: Path) -> None:
    best = min(point["dev_word_error_rate"] for point in histories[0])
    title = f"The {'first model’s ' if len(histories) > 1 else ''}word error rate on the dev pairs falls to {best:.1%}"
    lines = {"words": "dev_word_error_rate", "tokens": "dev_token_error_rate"}
    draw_losses(histories[0], lines, "error rate on dev", title.replace("%", " %"), folder / CURVES)
    first, last = (histories[0][i]["train_nats"] for i in (0, -1))
    title = f"The loss falls from {first:.2f} to {last:.2f} nats a token"
    draw_losses(histories[0], {"training pairs": "train_nats"}, "loss (nats per token)", title, folder / LOSSES)


def _draw_attention(both: Translator, part: Pairs, outputs: Sequence[Sequence[str]], folder: Path) -> None:
    """Draw what the first model reads for some outputs, right and wrong ones."""
    from utils.plots import heat_map

    short = [i for i, output in enumerate(outputs) if max(len(output), len(part.sources[i])) <= _MOST_DRAWN]
    right = [i for i in short if list(outputs[i]) in part.answers[i]]
    wrong = [i for i in short if list(outputs[i]) not in part.answers[i]]
    unit = both.languages.source_unit
    for number, i in enumerate([*right[:3], *wrong[:3]], start=1):
        source, output = part.sources[i], list(outputs[i])
        verdict = "right" if i in right else "wrong"
        title = f"“{_legible(join_units(source, unit))}”, {verdict}: what each output token reads"
        heat_map(
            both.attention(source, output), rows=[*map(_legible, output), "end"], columns=[*map(_legible, source)],
            xlabel="source", ylabel="output", title=title, value_label="weight",
        ).save(folder / HEAT_MAPS.format(number))  # fmt: skip


def _legible(text: str) -> str:
    """A text as the figures' font can draw it: characters that it lacks by the last word of their names."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties(family="DejaVu Sans")))
    drawn = [
        character if known.get_char_index(ord(character)) else unicodedata.name(character, "?").split()[-1].lower()
        for character in unicodedata.normalize("NFC", text)
    ]
    joined = ("" if all(len(each) == 1 for each in drawn) else "-").join(drawn)
    return f"\u25cc{joined}" if unicodedata.combining(text[0]) else joined


def _compiled_step(model: keras.Model, optimizer: keras.optimizers.Optimizer, smoothing: float) -> Callable:
    """Make the compiled training step (sources, targets) → mean loss of the real positions, without smoothing."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.int32)])
    def step(sources, targets):
        expected = targets[:, 1:]
        real = tf.cast(expected != 0, tf.float32)
        with tf.GradientTape() as tape:
            log_p = tf.nn.log_softmax(model(sources, targets[:, :-1], sources != 0, training=True))
            one_hot = tf.one_hot(expected, log_p.shape[-1])
            nats = -tf.reduce_sum(one_hot * log_p, axis=-1)
            loss = (1 - smoothing) * nats - smoothing * tf.reduce_mean(log_p, axis=-1)
            loss = tf.reduce_sum(real * loss) / tf.reduce_sum(real)
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return tf.reduce_sum(real * nats) / tf.reduce_sum(real)

    return step
