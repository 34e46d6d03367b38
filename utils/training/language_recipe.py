"""`course train language-model` and `course sample`: the settings, the training loop, the evaluation, the samples."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils import metrics, runtime
from utils.decoding import Generator, Sampling
from utils.text import BOS, EOS, PAD, UNK, Vocabulary
from utils.training.corpus import Corpus, Streams, join_tokens, read_corpus, split_text
from utils.training.files import whole_file, write_json
from utils.training.folder import RunError, RunFolder
from utils.training.language_model import LanguageModel
from utils.training.run import Run, Show, adamw, checked_limit, draw_losses

MODEL, VOCABULARY, CURVES, SAMPLES = "model.keras", "vocabulary.json", "curves.png", "samples.txt"
_HISTORY_POINTS = 40
_WARM_UP = 256  # tokens that each evaluation stream reads before it counts
_SAMPLING = {"greedy": Sampling(greedy=True), "temperature 0.5": Sampling(0.5), "temperature 0.8": Sampling(0.8),
             "temperature 1": Sampling(1.0), "temperature 1, nucleus 0.9": Sampling(p=0.9)}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The sizes and rates of a run.

    Attributes:
        embedding, width, layers, dropout, tied: Those of `LanguageModel`.
        streams: Streams read side by side.
        length: Tokens through which the gradient goes back.
        learning_rate: The highest rate of the cosine.
        weight_decay: Of AdamW.
        beta_2: Of AdamW.
        clip: Largest global norm of the gradient.
    """

    embedding: int = 64
    width: int = 384
    layers: int = 1
    dropout: float = 0.0
    tied: bool = False
    streams: int = 32
    length: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    beta_2: float = 0.99
    clip: float = 1.0


RECIPES = {
    ("quick", "char"): Recipe(width=512, dropout=0.2, streams=16, learning_rate=3e-3),
    ("quick", "word"): Recipe(embedding=256, width=256, tied=True, dropout=0.3, length=35),
    ("full", "char"): Recipe(
        embedding=128, width=1024, layers=2, dropout=0.4, streams=64, length=128, learning_rate=2e-3
    ),
    ("full", "word"): Recipe(
        embedding=512, width=1024, layers=2, tied=True, dropout=0.5, streams=64, length=70, learning_rate=2e-3
    ),
}


def train(
    text: str | Path,
    out: str | Path,
    *,
    unit: str = "char",
    minutes: float | None = 3.0,
    steps: int | None = None,
    holdout: float = 0.1,
    seed: int = 0,
    recipe: Recipe | None = None,
    show: Show = lambda fraction, words: None,
) -> dict[str, Any]:
    """Train a language model on a text file, or go on with a run that was interrupted.

    Args:
        text: The file, in UTF-8.
        out: The run's folder.
        unit: "char" or "word".
        minutes: Wall time of the training, the compiling included; evaluation and samples come after it.
        steps: Number of steps instead; `minutes` is then left out of account.
        holdout: Part of the text, its end, that is held out.
        seed: Decides the first weights, the places where passes begin, dropout, and the samples.
        recipe: Sizes and rates; None for the profile's.
        show: Called with the part that is done and a few words.

    Returns:
        The report, which is also written as report.json when everything else is.

    Raises:
        RunError: If the text, the settings or the folder do not allow it; then nothing was written.
    """
    limit = checked_limit(minutes, steps, seed)
    corpus = read_corpus(text, unit, holdout)
    recipe = recipe or RECIPES[runtime.profile(), unit]
    settings = {
        "command": "train language-model", "sha256 of the text": corpus.digest, "unit": unit, **limit,
        "holdout": holdout, "seed": seed, "profile": runtime.profile(), "recipe": dataclasses.asdict(recipe),
    }  # fmt: skip
    folder = RunFolder(out)
    if (report := folder.finished(settings)) is not None:
        return report
    with folder.begin(settings) as resumed:
        model = LanguageModel(
            len(corpus.vocabulary),
            recipe.embedding,
            recipe.width,
            recipe.layers,
            recipe.dropout,
            recipe.tied,
            locked=True,
        )
        run = _Run(model, corpus, recipe, folder, limit, seed)
        if resumed:
            run.restore()
        run.train(show)
        show(1.0, "evaluating")
        return _finish(run, settings)


class _Run(Run):
    """A training run: the model and the streams with their state."""

    def __init__(
        self, model: LanguageModel, corpus: Corpus, recipe: Recipe, folder: RunFolder, limit: dict, seed: int
    ) -> None:
        self.corpus, self.folder = corpus, folder
        self.streams = Streams(corpus.ids[: corpus.train], recipe.streams, recipe.length, seed)
        model.build()
        super().__init__(model, adamw(model, recipe, recipe.beta_2), folder.checkpoint, limit, seed)
        self.state = model.initial_state(self.streams.streams)

    def take_steps(self) -> Callable[[], float]:
        """Make the function that reads the next segments."""
        compiled = _compiled_step(self.model, self.optimizer)
        batches = self.streams.batches(self.step)

        def take_step() -> float:
            x, y, forgets = next(batches)
            loss, self.state = compiled(x, y, forgets, self.state)
            return float(loss)

        return take_step

    def is_due(self, before: float, after: float) -> bool:
        """Whether the history gets a point: the first after one step."""
        return before * _HISTORY_POINTS >= len(self.history)

    def point(self) -> dict[str, float]:
        """Evaluate on the first part of what is held out."""
        tokens = min(self.corpus.heldout, 8192)
        nats, count = evaluate(self.model, self.corpus.ids, self.corpus.train, tokens)
        return {"heldout_nats": nats / count}

    def words(self, loss: float) -> str:
        """The losses."""
        heldout = f", held out {self.history[-1]['heldout_nats']:.3f}" if self.history else ""
        return f"{loss:.3f} nats a {self.corpus.unit}{heldout}"

    def arrays(self) -> dict[str, list[Any]]:
        """The arrays of a checkpoint, with the streams' state."""
        return {**super().arrays(), "state": self.model.state_arrays(self.state)}

    def take_arrays(self, arrays: Mapping[str, list[np.ndarray]]) -> None:
        """Go on with what `arrays` returned."""
        super().take_arrays(arrays)
        flat = iter(keras.ops.convert_to_tensor(array) for array in arrays["state"])
        self.state = [[next(flat), next(flat)] for _ in self.model.recurrent]


def evaluate(model: LanguageModel, ids: np.ndarray, start: int, tokens: int, streams: int = 32) -> tuple[float, int]:
    """Sum −ln p over consecutive tokens of a text, each predicted from what stands before it.

    The tokens are read in parallel streams with carried state. Each stream first reads up to 256 tokens before its
    own, so that none is predicted without a past.

    Args:
        model: The model.
        ids: The whole text, shape (time,).
        start: Index of the first token to predict, at least 1.
        tokens: Number of tokens to predict.
        streams: Number of parallel streams; fewer for few tokens.

    Returns:
        The sum in nats, and `tokens`.
    """
    streams = max(1, min(streams, tokens // 64))
    own = math.ceil(tokens / streams)
    warm_up = min(_WARM_UP, start - 1)
    chunk = 128
    length = math.ceil((warm_up + own) / chunk) * chunk
    # Index of each predicted token: stream s owns [start + s·own, start + (s + 1)·own).
    target = start + np.arange(streams)[:, None] * own - warm_up + np.arange(length)  # (streams, length)
    position = np.arange(length) - warm_up
    counted = (position >= 0) & (position < own) & (target < start + tokens)
    target = np.minimum(target, len(ids) - 1)
    read, total = _compiled_reader(model), 0.0
    state = model.initial_state(streams)
    for t in range(0, length, chunk):
        part = slice(t, t + chunk)
        nats, state = read(ids[target[:, part] - 1], ids[target[:, part]], state)
        total += float(np.sum(nats.numpy(), where=counted[:, part], dtype=np.float64))
    return total, tokens


def sample(
    folder: str | Path, prompt: str, *, sampling: Sampling, length: int = 500, count: int = 1, seed: int = 0
) -> list[str]:
    """Continue a prompt with a trained model.

    Args:
        folder: The folder of a finished run.
        prompt: Text to continue; empty for the beginning of a line.
        sampling: How each token is chosen.
        length: Tokens to add.
        count: Number of continuations.
        seed: Seed of the draws.

    Returns:
        The prompt with each continuation.

    Raises:
        RunError: If there is no finished run, or the prompt has characters that the text never had.
    """
    folder = Path(folder)
    report = RunFolder(folder).report() if folder.is_dir() else None
    if report is None or not (folder / MODEL).exists():
        raise RunError(f"{folder} holds no finished language model: make one with course train language-model --out")
    vocabulary = Vocabulary(tuple(json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))["tokens"]))
    model = keras.saving.load_model(folder / MODEL)
    return continuations(model, vocabulary, report["unit"], prompt, sampling, length, count, seed)


def continuations(
    model: LanguageModel,
    vocabulary: Vocabulary,
    unit: str,
    prompt: str,
    sampling: Sampling,
    length: int,
    count: int,
    seed: int,
    generator: Generator | None = None,
) -> list[str]:
    """Continue a prompt; the arguments are those of `sample`, with a generator to use again."""
    tokens = split_text(prompt, unit) or ["\n" if unit == "char" else EOS]
    missing = sorted({token for token in tokens if token not in vocabulary})
    if missing and prompt:
        what = "words" if unit == "word" else "characters"
        raise RunError(
            f"the model does not know these {what} of the prompt: {' '.join(map(repr, missing[:8]))}; use others"
        )
    if missing:  # a text without line ends
        tokens = [vocabulary.tokens[-1]]
    ids = np.repeat(vocabulary.encode(tokens)[None], count, axis=0)
    state = model.initial_state(count)
    if len(tokens) > 1:
        _, state = model(ids[:, :-1], state)
    generator = generator or text_generator(model, vocabulary)
    made = generator(ids[:, -1], state, length=length, sampling=sampling, seed=seed)
    shown = tokens if prompt else []
    return [join_tokens([*shown, *vocabulary.decode(row, keep_specials=True)], unit) for row in made.ids]


def text_generator(model: LanguageModel, vocabulary: Vocabulary) -> Generator:
    """Make a generator of a model's text, which never chooses a special but `<EOS>`."""

    def step(tokens: Any, state: Any) -> tuple[Any, Any]:
        logits, state = model(tokens[:, None], state)
        return logits[:, 0], state

    return Generator(step, never=[vocabulary.id_of(token) for token in (PAD, UNK, BOS)])


def _finish(run: _Run, settings: dict[str, Any]) -> dict[str, Any]:
    """Evaluate, and write everything but the report, then the report."""
    corpus, model, folder = run.corpus, run.model, run.folder.path
    train_ids, heldout_ids = corpus.ids[: corpus.train], corpus.ids[corpus.train :]
    nats, tokens = evaluate(model, corpus.ids, corpus.train, corpus.heldout)
    with whole_file(folder / MODEL) as path:
        model.save(path)
    write_json(folder / VOCABULARY, {"unit": corpus.unit, "tokens": list(corpus.vocabulary.tokens)})
    generator = text_generator(model, corpus.vocabulary)
    length = 300 if corpus.unit == "char" else 80
    parts = []
    for name, sampling in _SAMPLING.items():
        made = continuations(model, corpus.vocabulary, corpus.unit, "", sampling, length, 1, run.seed, generator)
        parts.append(f"=== {name}\n{made[0]}\n")
    with whole_file(folder / SAMPLES) as path:
        path.write_text("\n".join(parts), encoding="utf-8")
    _draw(run.history, corpus.unit, folder / CURVES)
    counts = np.bincount(train_ids, minlength=len(corpus.vocabulary)) + 1
    report = {
        "nats_per_token": metrics.nats_per_token(nats, tokens),
        "bits_per_token": metrics.bits_per_token(nats, tokens),
        "perplexity": metrics.perplexity(nats, tokens),
        "unit": corpus.unit,
        "heldout_tokens": tokens,
        "train_tokens": corpus.train,
        "vocabulary": len(corpus.vocabulary),
        "unknown_share": float((heldout_ids == corpus.vocabulary.id_of(UNK)).mean()),
        "nats_per_token_uniform": math.log(len(corpus.vocabulary)),
        "nats_per_token_unigram": float(-np.log(counts / counts.sum())[heldout_ids].mean()),
        "passes": run.step / run.streams.segments,
        **run.facts(settings),
    }
    run.folder.finish(report)
    return report


def _draw(history: list[dict[str, float]], unit: str, path: Path) -> None:
    title = f"The held-out loss falls from {history[0]['heldout_nats']:.2f} to {history[-1]['heldout_nats']:.2f} nats"
    lines = {"training text": "train_nats", "held-out text": "heldout_nats"}
    draw_losses(history, lines, f"loss (nats per {unit})", title, path)


def _compiled_step(model: LanguageModel, optimizer: keras.optimizers.Optimizer) -> Callable:
    """Make the compiled training step (inputs, targets, which streams forget, state) → (mean loss, state)."""
    import tensorflow as tf

    from utils.layers.lstm import runs_by_hand

    @tf.function(jit_compile=runs_by_hand())
    def step(x, y, forgets, state):
        state = tf.nest.map_structure(lambda part: tf.where(forgets[:, None], tf.zeros_like(part), part), state)
        with tf.GradientTape() as tape:
            logits, state = model(x, state, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss, state

    return step


def _compiled_reader(model: LanguageModel) -> Callable:
    """Make the compiled function (inputs, targets, state) → (nats at each position, state), once a model."""
    import tensorflow as tf

    if not hasattr(model, "compiled_reader"):

        @tf.function
        def read(x, y, state):
            logits, state = model(x, state)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits), state

        model.compiled_reader = read
    return model.compiled_reader
