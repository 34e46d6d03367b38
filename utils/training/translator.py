"""From sources to outputs with one trained encoder–decoder or several: search, attention, files."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.decoding import GREEDY, BeamSearch, Generator
from utils.text import BOS, EOS, PAD, UNK, Vocabulary
from utils.training.files import whole_file, write_json
from utils.training.folder import RunError, RunFolder
from utils.training.pairs import Ragged, join_units, split_units

VOCABULARY = "vocabulary.json"
_BATCH = 128  # sources that are read at once; a batch with fewer is filled up, so that nothing is compiled again
_LEAST_WIDTH = 32


@dataclass(frozen=True)
class Languages:
    """What a model's ids mean, and how long its outputs may become.

    Attributes:
        source: The vocabulary of the sources.
        target: The vocabulary of the targets.
        source_unit: "char" or "word".
        target_unit: "char" or "word".
        longest: Tokens of the longest target that was trained on.
        ratio: Tokens of a target for each token of its source: few training pairs have more.
    """

    source: Vocabulary
    target: Vocabulary
    source_unit: str
    target_unit: str
    longest: int
    ratio: float

    def most_tokens(self, T_x: int) -> int:
        """The largest length of an output, `<EOS>` included, for sources of up to `T_x` tokens."""
        return max(self.longest, math.ceil(self.ratio * T_x)) + 5

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        values = dict(vars(self))
        write_json(path, values | {"source": self.source.tokens, "target": self.target.tokens})

    @classmethod
    def load(cls, path: Path) -> "Languages":
        """Read what `save` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {side: Vocabulary(tuple(values[side])) for side in ("source", "target")})


class Translator:
    """Several models that decide together: their probabilities are averaged at each step.

    Args:
        models: Encoder–decoders with the same vocabularies, at least one.
        languages: What their ids mean.
    """

    def __init__(self, models: Sequence[keras.Model], languages: Languages) -> None:
        import tensorflow as tf

        self.models, self.languages = list(models), languages
        end, never = languages.target.id_of(EOS), [languages.target.id_of(token) for token in (PAD, UNK, BOS)]
        self._greedy = Generator(self._step, end=end, never=never)
        self._beam = BeamSearch(self._step, end=end, never=never)
        signature = [tf.TensorSpec([None, None], tf.int32)]
        self._start = tf.function(self._first_state, input_signature=signature)

    def __call__(self, sources: Sequence[Sequence[str]], beam: int = 1, length_penalty: float = 1.0) -> list[list[str]]:
        """Give each source its output.

        Args:
            sources: Lists of tokens, none of them empty; unknown ones count as `<UNK>`.
            beam: Number of candidates that are followed; 1 takes the likeliest token at each step.
            length_penalty: What a candidate's length is raised to before it divides its log-probability.

        Returns:
            Lists of tokens.
        """
        encoded = Ragged([self.languages.source.encode(tokens) for tokens in sources])
        # Powers of two, so that few widths are compiled.
        widths = np.maximum(_LEAST_WIDTH, 2 ** np.ceil(np.log2(encoded.lengths)).astype(int))
        outputs: list[list[str]] = [[] for _ in sources]
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            for first in range(0, len(rows), _BATCH):
                chosen = rows[first : first + _BATCH]
                batch = encoded.padded(np.resize(chosen, min(_BATCH, 2 ** math.ceil(math.log2(len(rows))))), width)
                ids = self._decode(batch, beam, length_penalty)
                for row, output in zip(chosen, ids, strict=False):
                    outputs[row] = self._tokens(output)
        return outputs

    def attention(self, source: Sequence[str], output: Sequence[str]) -> np.ndarray:
        """The weights with which the first model reads the source for each token of an output and for `<EOS>`.

        Returns:
            Shape (T_y + 1, T_x).
        """
        ids = self.languages.source.encode(source)[None]
        target = self.languages.target.encode(output, bos=True)[None]
        weights = self.models[0].attention_weights(ids, target, np.ones(ids.shape, dtype=bool))
        return ops.convert_to_numpy(weights)[0]

    def _decode(self, batch: np.ndarray, beam: int, length_penalty: float) -> np.ndarray:
        """Ids of the outputs, shape (batch, length)."""
        first = np.full(len(batch), self.languages.target.id_of(BOS), dtype=np.int32)
        state, length = self._start(batch), self.languages.most_tokens(batch.shape[1])
        if beam == 1:
            return self._greedy(first, state, length=length, sampling=GREEDY).ids
        return self._beam(first, state, length=length, width=beam, length_penalty=length_penalty).ids[:, 0]

    def _tokens(self, ids: np.ndarray) -> list[str]:
        ended = np.flatnonzero(ids == self.languages.target.id_of(EOS))
        return self.languages.target.decode(ids[: ended[0]] if len(ended) else ids)

    def _first_state(self, source: Any) -> list[Any]:
        mask = source != 0
        return [model.start(source, mask) for model in self.models]

    def _step(self, tokens: Any, state: Any) -> tuple[Any, Any]:
        logits, after = zip(
            *(model.step(tokens, of) for model, of in zip(self.models, state, strict=True)), strict=True
        )
        if len(logits) == 1:
            return logits[0], list(after)
        log_p = ops.stack([ops.log_softmax(ops.cast(each, "float32"), axis=-1) for each in logits])
        return ops.logsumexp(log_p, axis=0) - math.log(len(logits)), list(after)


def model_files(number: int) -> list[str]:
    """The names of the files in which that many models lie."""
    return ["model.keras"] if number == 1 else [f"model-{i + 1}.keras" for i in range(number)]


def save(translator: Translator, folder: Path) -> None:
    """Write the models and the vocabularies."""
    for model, name in zip(translator.models, model_files(len(translator.models)), strict=True):
        with whole_file(folder / name) as path:
            model.save(path)
    translator.languages.save(folder / VOCABULARY)


def load(folder: str | Path) -> tuple[Translator, dict[str, Any]]:
    """Read what a finished run wrote.

    Returns:
        The translator, and the run's report.

    Raises:
        RunError: If there is no finished run.
    """
    folder = Path(folder)
    report = RunFolder(folder).report() if folder.is_dir() else None
    names = model_files(report.get("ensemble", 1)) if report else ["model.keras"]
    if report is None or "word_error_rate" not in report or not all((folder / name).exists() for name in names):
        raise RunError(f"{folder} holds no finished encoder–decoder: make one with course train seq2seq --out")
    from utils.layers import encoder_decoder  # noqa: F401 (makes the model known to Keras)

    models = [keras.saving.load_model(folder / name) for name in names]
    return Translator(models, Languages.load(folder / VOCABULARY)), report


def translate(
    translator: Translator, lines: Sequence[str], beam: int, length_penalty: float
) -> tuple[list[str], list[str]]:
    """Translate lines of text.

    Args:
        translator: The models.
        lines: The sources; an empty one has an empty output.
        beam: Number of candidates.
        length_penalty: Of the beam search.

    Returns:
        The outputs, and the tokens that training never saw, each once.
    """
    languages = translator.languages
    sources = [split_units(line.strip(), languages.source_unit) for line in lines]
    filled = [i for i, tokens in enumerate(sources) if tokens]
    outputs = [""] * len(sources)
    if filled:
        made = translator([sources[i] for i in filled], beam, length_penalty)
        for i, tokens in zip(filled, made, strict=True):
            outputs[i] = join_units(tokens, languages.target_unit)
    unknown = {token: None for tokens in sources for token in tokens if token not in languages.source}
    return outputs, list(unknown)
