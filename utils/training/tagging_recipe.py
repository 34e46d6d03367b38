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
from utils.training import checkpoint
from utils.training.budget import Budget, cosine
from utils.training.files import whole_file, write_json
from utils.training.folder import RunError, RunFolder
from utils.training.report import circumstances
from utils.training.tagger import TagEncoder, Tagger

MODEL, VOCABULARY, CURVES, PREDICTIONS = "model.keras", "vocabulary.json", "curves.png", "predictions.conll"
_CHECKPOINT_SECONDS = 15.0
_EVALUATIONS = 20
_MOST_TAGS = 500
_UNKNOWN_SHARE = 0.5  # of the words that occur once, in each batch

Show = Callable[[float, str], None]
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
    try:
        limit = {"steps": steps} if steps is not None else {"seconds": 60.0 * (minutes or 0.0)}
        Budget(**limit)
        runtime.seed_everything(seed)
    except ValueError as error:
        raise RunError(str(error)) from None
    if keras.backend.backend() != "tensorflow":
        raise RunError(f"Keras runs on {keras.backend.backend()}, but this needs TensorFlow: unset KERAS_BACKEND")
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
    folder.check(settings)
    if (report := folder.report()) is not None:
        return report
    with folder.begin(settings) as resumed:
        run = _Run(read, recipe, folder, limit, seed)
        if resumed:
            run.restore()
        run.train(show)
        show(1.0, "evaluating")
        return _finish(run, settings)


class _Run:
    """A training run: the model, the optimizer, and how far they are."""

    def __init__(self, read: dict[str, Sentences], recipe: Recipe, folder: RunFolder, limit: dict, seed: int) -> None:
        self.read, self.recipe, self.folder, self.limit, self.seed = read, recipe, folder, limit, seed
        self.encoder = TagEncoder.build(read["train"])
        sizes = [len(part) for part in (self.encoder.words, self.encoder.characters, self.encoder.tags)]
        self.model = Tagger(
            *sizes, recipe.word_width, recipe.character_width, recipe.width, recipe.layers, recipe.dropout
        )
        self.model.build()
        self.optimizer = keras.optimizers.AdamW(
            recipe.learning_rate, recipe.weight_decay, beta_2=0.99, global_clipnorm=recipe.clip
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias"])
        self.optimizer.build(self.model.trainable_variables)
        self.bio = metrics.is_bio(self.encoder.tags)
        self.best = [weight.numpy() for weight in self.model.trainable_variables]
        self.step, self.used, self.interruptions = 0, 0.0, 0
        self.history: list[dict[str, float]] = []

    def train(self, show: Show) -> None:
        """Train until the budget is used, with a checkpoint every 15 seconds and when interrupted."""
        budget = Budget(**self.limit, used=self.used)
        take_step = _compiled_step(self.model, self.optimizer)
        batches = self._batches()
        saved, losses, first = budget.used(), [], self.step
        try:
            while (done := budget.fraction(self.step)) < 1.0:
                self.optimizer.learning_rate.assign(cosine(done, self.recipe.learning_rate))
                losses.append(float(take_step(*next(batches))))
                if not math.isfinite(losses[-1]):
                    raise RunError(f"the loss is {losses[-1]} at step {self.step}: the learning rate is too high")
                self.step, self.used = self.step + 1, budget.used()
                if budget.fraction(self.step) * _EVALUATIONS >= len(self.history) + 1:
                    self._note(losses)
                    losses = []
                if budget.used() - saved > _CHECKPOINT_SECONDS:
                    self.save()
                    saved = budget.used()
                score = f", dev {100 * self.history[-1]['dev_score']:.1f} %" if self.history else ""
                recent = losses[-20:] or [self.history[-1]["train_nats"]]
                show(done, f"step {self.step:,}: {sum(recent) / len(recent):.3f} nats a tag{score}")
            if self.step > first and losses:
                self._note(losses)
        except KeyboardInterrupt:
            self.save()
            raise
        if self.step > first:
            self.save()

    def _note(self, losses: list[float]) -> None:
        """Add a point to the history, and keep the weights if no earlier ones did better on the dev sentences."""
        true = [sentence["tags"] for sentence in self.read["dev"]]
        score = _score(true, self.predict(self.read["dev"]), self.bio)
        if score >= max((point["dev_score"] for point in self.history), default=-1.0):
            self.best = [weight.numpy() for weight in self.model.trainable_variables]
        self.history.append({
            "step": self.step, "seconds": round(self.used, 2), "train_nats": sum(losses) / len(losses),
            "dev_score": score,
        })  # fmt: skip

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

    def save(self) -> None:
        """Write a checkpoint."""
        arrays = {
            "model": [variable.numpy() for variable in self.model.variables],
            "optimizer": [variable.numpy() for variable in self.optimizer.variables],
            "best": self.best,
        }
        plain = {"step": self.step, "used": self.used, "history": self.history, "interruptions": self.interruptions}
        checkpoint.save(self.folder.checkpoint, arrays, plain)

    def restore(self) -> None:
        """Go on from the checkpoint."""
        path = self.folder.checkpoint
        arrays, plain = checkpoint.load(path)
        checkpoint.assign(self.model.variables, arrays["model"], str(path))
        checkpoint.assign(self.optimizer.variables, arrays["optimizer"], str(path))
        self.best = arrays["best"]
        self.step, self.used, self.history = plain["step"], plain["used"], plain["history"]
        self.interruptions = plain["interruptions"] + 1


def _finish(run: _Run, settings: dict[str, Any]) -> dict[str, Any]:
    """Evaluate the best weights, and write everything but the report, then the report."""
    folder, test = run.folder.path, run.read["test"]
    checkpoint.assign(run.model.trainable_variables, run.best, "the run")
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
        "seconds": round(run.used, 1),
        "steps": run.step,
        "parameters": int(sum(np.prod(variable.shape) for variable in run.model.trainable_variables)),
        "interruptions": run.interruptions,
        "seed": run.seed,
        **circumstances(),
        "settings": settings,
        "history": run.history,
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
    from utils.plots import curves

    minutes, scores = zip(*[(point["seconds"] / 60, point["dev_score"]) for point in history], strict=True)
    title = f"The best {measure} on the dev sentences is {max(scores):.3f}"
    curves({"dev": (minutes, scores)}, xlabel="training time (minutes)", ylabel=measure, title=title).save(path)


def _read(path: str | Path, column: int | None) -> Sentences:
    try:
        return read_conll(path, tag=column)
    except FileNotFoundError:
        raise RunError(f"there is no file {path}: check the name and the folder") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror})") from None


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
