"""`course train tagger`: the settings, the training loop, the evaluation."""

import dataclasses
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils import metrics, runtime
from utils.datasets.files import read_conll
from utils.decoding import legal_bio, viterbi
from utils.training.files import whole_file, write_json
from utils.training.folder import RunError, RunFolder, reading
from utils.training.run import BestKept, Show, adamw, checked_limit, crosses, draw_losses
from utils.training.tagger import TagEncoder, Tagger

MODEL, VOCABULARY, CURVES, PREDICTIONS = "model.keras", "vocabulary.json", "curves.png", "predictions.conll"
_EVALUATIONS = 20
_MOST_TAGS = 500
_UNKNOWN_SHARE = 0.5  # of the words that occur once, in each batch

Sentences = Sequence[dict]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The sizes and rates of a run.

    Attributes:
        word_width, character_width, width, layers, dropout: Those of `Tagger`.
        batch: Sentences of a batch.
        learning_rate: The highest rate of the cosine.
        weight_decay: Of AdamW.
        clip: Largest global norm of the gradient.
    """

    word_width: int = 100
    character_width: int = 64
    width: int = 128
    layers: int = 1
    dropout: float = 0.5
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    clip: float = 1.0


RECIPES = {"quick": Recipe(), "full": Recipe(width=256, layers=2)}


def train(
    train_file: str | Path,
    dev_file: str | Path,
    test_file: str | Path,
    out: str | Path,
    *,
    column: int | None = None,
    minutes: float | None = 3.0,
    steps: int | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
    show: Show = lambda fraction, words: None,
) -> dict[str, Any]:
    """Train a tagger on CoNLL or CoNLL-U files, or go on with a run that was interrupted.

    The weights that do best on the dev sentences are kept; the test sentences decide nothing.

    Args:
        train_file: Tagged sentences to learn from.
        dev_file: Tagged sentences that choose the weights.
        test_file: Tagged sentences that the report is about.
        out: The run's folder.
        column: The column of the tags, from 0, or from the end if negative; None as in `read_conll`.
        minutes: Wall time of the training.
        steps: Number of steps instead; `minutes` is then left out of account.
        seed: Decides the first weights, the order, dropout.
        recipe: Sizes and rates; None for the profile's.
        show: Called with the part that is done and a few words.

    Returns:
        The report, which is also written as report.json when everything else is.

    Raises:
        RunError: If the settings or the folder do not allow it, or a file is missing.
        DataFileError: If a file does not hold tagged sentences. In both cases nothing was written.
    """
    limit = checked_limit(minutes, steps, seed)
    parts = {"train": train_file, "dev": dev_file, "test": test_file}
    read = {name: _read(path, column) for name, path in parts.items()}
    _check_tags(read["train"], train_file)
    recipe = recipe or RECIPES[runtime.profile()]
    settings = {
        "command": "train tagger",
        "sha256 of the files": [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in parts.values()],
        "column": column, **limit, "seed": seed, "profile": runtime.profile(), "recipe": dataclasses.asdict(recipe),
    }  # fmt: skip
    folder = RunFolder(out)
    if (report := folder.finished(settings)) is not None:
        return report
    with folder.begin(settings) as resumed:
        run = _Run(read, recipe, folder, limit, seed)
        if resumed:
            run.restore()
        run.train(show)
        show(1.0, "evaluating")
        return _finish(run, settings)


class _Run(BestKept):
    """A training run: the model, the sentences, and the encoder between them."""

    def __init__(self, read: dict[str, Sentences], recipe: Recipe, folder: RunFolder, limit: dict, seed: int) -> None:
        self.read, self.recipe, self.folder = read, recipe, folder
        self.encoder = TagEncoder.build(read["train"])
        sizes = [len(part) for part in (self.encoder.words, self.encoder.characters, self.encoder.tags)]
        model = Tagger(*sizes, recipe.word_width, recipe.character_width, recipe.width, recipe.layers, recipe.dropout)
        model.build()
        super().__init__(model, adamw(model, recipe), folder.checkpoint, limit, seed)
        self.bio = metrics.is_bio(self.encoder.tags)

    def take_steps(self) -> Callable[[], float]:
        """Make the function that learns from the next batch."""
        compiled, batches = _compiled_step(self.model, self.optimizer), self._batches()
        return lambda: float(compiled(*next(batches)))

    def is_due(self, before: float, after: float) -> bool:
        """Whether the history gets a point: the last after the last step."""
        return crosses(before, after, _EVALUATIONS)

    def point(self) -> dict[str, float]:
        """Evaluate on the dev sentences, and keep the weights if no earlier ones did better."""
        true = [sentence["tags"] for sentence in self.read["dev"]]
        score = _score(true, self.predict(self.read["dev"]), self.bio)
        self.keep(score)
        return {"dev_score": score}

    def words(self, loss: float) -> str:
        """The loss and the last score."""
        score = f", dev {100 * self.history[-1]['dev_score']:.1f} %" if self.history else ""
        return f"{loss:.3f} nats a tag{score}"

    def predict(self, sentences: Sentences) -> list[list[str]]:
        """Tag sentences; BIO tags only in legal sequences."""
        if not hasattr(self, "_reader"):
            self._reader = _compiled_reader(self.model)
        tags: list[list[str]] = [[] for _ in sentences]
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]["tokens"]))
        for begin in range(0, len(order), 64):
            chosen = order[begin : begin + 64]
            inputs = self.encoder.inputs([sentences[i]["tokens"] for i in chosen])
            scores, mask = self._reader(*inputs).numpy(), inputs[-1]
            ids = viterbi(scores, mask, *legal_bio(self.encoder.tags)) if self.bio else scores.argmax(axis=-1)
            for i, row, real in zip(chosen, ids, mask, strict=True):
                tags[i] = [self.encoder.tags[tag] for tag in row[real]]
        return tags

    def _batches(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield batches of sentences of similar length, from `self.step` on, without end."""
        sentences, size = self.read["train"], self.recipe.batch
        lengths = np.array([len(sentence["tokens"]) for sentence in sentences])
        each_pass = math.ceil(len(sentences) / size)
        step = self.step
        while True:
            rng = np.random.default_rng([self.seed, step // each_pass])
            order = np.argsort(lengths + rng.uniform(-3, 3, size=len(lengths)))
            firsts = rng.permutation(np.arange(0, len(order), size))
            for begin in firsts[step % each_pass :]:
                rng = np.random.default_rng([self.seed, 1, step])
                chosen = [sentences[i] for i in order[begin : begin + size]]
                words, characters, mask = self.encoder.inputs([sentence["tokens"] for sentence in chosen])
                hidden = np.isin(words, self.encoder.rare) & (rng.random(words.shape) < _UNKNOWN_SHARE)
                words = np.where(hidden, np.int32(1), words)  # the id of <UNK> in every vocabulary
                yield words, characters, mask, self.encoder.targets([sentence["tags"] for sentence in chosen])
                step += 1


def _finish(run: _Run, settings: dict[str, Any]) -> dict[str, Any]:
    """Evaluate the best weights, and write everything but the report, then the report."""
    folder, test = run.folder.path, run.read["test"]
    run.take_best()
    true, tokens = [s["tags"] for s in test], [s["tokens"] for s in test]
    guess = run.predict(test)
    most_frequent = _most_frequent_tags(run.read["train"])
    simple = [[most_frequent[token] for token in sentence] for sentence in tokens]
    unknown = np.array([token not in run.encoder.words for sentence in tokens for token in sentence])
    flat = [np.array([tag for tags in part for tag in tags]) for part in (true, guess, simple)]
    report: dict[str, Any] = {
        "accuracy": metrics.token_accuracy(flat[0], flat[1]),
        "entity_f1": None,
        "unknown_word_accuracy": metrics.token_accuracy(flat[0], flat[1], unknown) if unknown.any() else None,
        "unknown_share": float(unknown.mean()),
        "most_frequent_tag_accuracy": metrics.token_accuracy(flat[0], flat[2]),
    }
    if run.bio and metrics.is_bio(flat[0]):
        score = metrics.entity_f1(true, guess)
        report |= {
            "entity_f1": score.f1, "entity_precision": score.precision, "entity_recall": score.recall,
            "entities": score.entities, "most_frequent_tag_entity_f1": metrics.entity_f1(true, simple).f1,
        }  # fmt: skip
    report |= {
        "sentences": {name: len(part) for name, part in run.read.items()},
        "tokens": {name: sum(len(s["tokens"]) for s in part) for name, part in run.read.items()},
        "tags": list(run.encoder.tags),
        **run.facts(settings),
    }
    with whole_file(folder / MODEL) as path:
        run.model.save(path)
    encoder = run.encoder
    names = {"words": encoder.words.tokens, "characters": encoder.characters.tokens, "tags": encoder.tags}
    write_json(folder / VOCABULARY, names)
    with whole_file(folder / PREDICTIONS) as path:
        rows = ["".join(map("{}\t{}\t{}\n".format, *row)) for row in zip(tokens, true, guess, strict=True)]
        path.write_text("\n".join(rows), encoding="utf-8")
    _draw(run.history, "entity F1" if run.bio else "accuracy", folder / CURVES)
    run.folder.finish(report)
    return report


def _draw(history: list[dict[str, float]], measure: str, path: Path) -> None:
    title = f"The best {measure} on the dev sentences is {max(point['dev_score'] for point in history):.3f}"
    draw_losses(history, {"dev": "dev_score"}, measure, title, path)


def _read(path: str | Path, column: int | None) -> Sentences:
    with reading(path):
        return read_conll(path, tag=column)


def _check_tags(sentences: Sentences, path: str | Path) -> None:
    different = Counter(tag for sentence in sentences for tag in sentence["tags"])
    if len(different) == 1:
        raise RunError(f"every tag in {path} is {next(iter(different))!r}: name the column of the tags with --column")
    if len(different) > _MOST_TAGS:
        raise RunError(
            f"{path} has {len(different)} different tags, so they are hardly tags: name their column with --column"
        )


def _most_frequent_tags(sentences: Sentences) -> dict[str, str]:
    """The most frequent tag of each word; of an unknown word the most frequent of all."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for sentence in sentences:
        for token, tag in zip(sentence["tokens"], sentence["tags"], strict=True):
            counts[token][tag] += 1
    overall = sum(counts.values(), Counter()).most_common(1)[0][0]
    return defaultdict(lambda: overall, {token: tags.most_common(1)[0][0] for token, tags in counts.items()})


def _score(true: list[list[str]], guess: list[list[str]], bio: bool) -> float:
    if bio and metrics.is_bio(tag for tags in true for tag in tags):
        return metrics.entity_f1(true, guess).f1
    return metrics.token_accuracy([tag for tags in true for tag in tags], [tag for tags in guess for tag in tags])


def _compiled_step(model: Tagger, optimizer: keras.optimizers.Optimizer) -> Callable:
    """Make the compiled training step (words, characters, mask, targets) → mean loss of the real positions."""
    import tensorflow as tf

    @tf.function(input_signature=[*_signature(tf), tf.TensorSpec([None, None], tf.int32)])
    def step(words, characters, mask, targets):
        with tf.GradientTape() as tape:
            logits = model(words, characters, mask, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
            loss = tf.reduce_mean(losses[mask])
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    return step


def _compiled_reader(model: Tagger) -> Callable:
    """Make the compiled function (words, characters, mask) → log-probabilities of the tags."""
    import tensorflow as tf

    @tf.function(input_signature=_signature(tf))
    def read(words, characters, mask):
        return tf.nn.log_softmax(model(words, characters, mask))

    return read


def _signature(tf: Any) -> list:
    return [
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None, None, None], tf.int32),
        tf.TensorSpec([None, None], tf.bool),
    ]
