"""A bidirectional LSTM that gives each token of a sentence a tag, from its word and its characters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.layers.lstm import LSTM
from utils.text import Vocabulary, pad

CHARACTERS = 16  # of a word: of a longer one the first eight and the last eight
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class TagEncoder:
    """Turns tokens into arrays, and tags into ids and back.

    Attributes:
        words: Words of the training sentences, as they are written.
        characters: Their characters.
        tags: All tags, in alphabetical order; a tag's place is its id.
        rare: Ids of the words that occur once, which training now and then takes for unknown.
    """

    words: Vocabulary
    characters: Vocabulary
    tags: tuple[str, ...]
    rare: np.ndarray

    @classmethod
    def build(cls, sentences: Sequence[Mapping]) -> "TagEncoder":
        """Build the vocabularies from records {"tokens", "tags"}."""
        tokens = [sentence["tokens"] for sentence in sentences]
        words = Vocabulary.build(tokens)
        frequent = Vocabulary.build(tokens, min_count=2)
        rare = np.array([i for i, word in enumerate(words.tokens) if word not in frequent], dtype=np.int32)
        characters = Vocabulary.build((list(token) for sentence in tokens for token in sentence), min_count=2)
        tags = tuple(sorted({tag for sentence in sentences for tag in sentence["tags"]}))
        return cls(words, characters, tags, rare)

    def inputs(self, sentences: Sequence[Sequence[str]]) -> Batch:
        """Turn sentences (lists of tokens) into a batch.

        Returns:
            Word ids, shape (batch, time), int32; character ids, (batch, time, 16), int32; and the mask,
            (batch, time), bool.
        """
        word_ids, mask = pad([self.words.encode(tokens) for tokens in sentences])
        character_ids = np.zeros((*word_ids.shape, CHARACTERS), dtype=np.int32)
        for i, tokens in enumerate(sentences):
            for t, token in enumerate(tokens):
                half = CHARACTERS // 2
                ids = self.characters.encode(list(token if len(token) <= CHARACTERS else token[:half] + token[-half:]))
                character_ids[i, t, : len(ids)] = ids
        return word_ids, character_ids, mask

    def targets(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Turn the tags of sentences into ids, shape (batch, time), int32; 0 at padded positions."""
        places = {tag: i for i, tag in enumerate(self.tags)}
        return pad([[places[tag] for tag in tags] for tags in sentences])[0]


@keras.saving.register_keras_serializable("sequence_course")
class Tagger(keras.Model):
    """Word embedding and character convolution → bidirectional LSTM → a score for each tag.

    Args:
        words: Number of words.
        characters: Number of characters.
        tags: Number of tags.
        word_width: Width of the word embedding.
        character_width: Number of character filters.
        width: Units of each direction.
        layers: Number of bidirectional layers.
        dropout: Share of the inputs of each layer that is dropped in training.
    """

    def __init__(
        self,
        words: int,
        characters: int,
        tags: int,
        word_width: int = 100,
        character_width: int = 64,
        width: int = 128,
        layers: int = 1,
        dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._config = {
            "words": words, "characters": characters, "tags": tags, "word_width": word_width,
            "character_width": character_width, "width": width, "layers": layers, "dropout": dropout,
        }  # fmt: skip
        self.word_embedding = keras.layers.Embedding(words, word_width)
        self.character_embedding = keras.layers.Embedding(characters, 24)
        self.filters = keras.layers.Conv1D(character_width, 3, padding="same", activation="relu")
        self.drops = [keras.layers.Dropout(dropout) for _ in range(layers + 1)]
        self.recurrent = [keras.layers.Bidirectional(LSTM(width, return_sequences=True)) for _ in range(layers)]
        self.scores = keras.layers.Dense(tags)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        self.word_embedding.build((None, None))
        self.character_embedding.build((None, None))
        self.filters.build((None, CHARACTERS, 24))
        features = self._config["word_width"] + self._config["character_width"]
        for layer in self.recurrent:
            layer.build((None, None, features))
            features = 2 * self._config["width"]
        self.scores.build((None, None, features))
        self.built = True

    def call(self, word_ids: Any, character_ids: Any, mask: Any, training: bool = False) -> Any:
        """Score tags.

        Args:
            word_ids: Shape (batch, time), integers.
            character_ids: Shape (batch, time, 16), integers; 0 where a word has no more characters.
            mask: Shape (batch, time), bool, right-padded.
            training: Whether dropout applies.

        Returns:
            Logits, shape (batch, time, tags).
        """
        m, T_x = ops.shape(word_ids)
        real = ops.cast(character_ids != 0, self.compute_dtype)[..., None]
        # Characters beyond a word's end count as nothing, so that it does not matter how many there are.
        letters = ops.reshape(self.character_embedding(character_ids) * real, (-1, CHARACTERS, 24))
        spelled = ops.reshape(self.filters(letters), (m, T_x, CHARACTERS, -1)) * real  # (batch, time, 16, filters)
        x = ops.concatenate([self.word_embedding(word_ids), ops.max(spelled, axis=2)], axis=-1)
        for drop, layer in zip(self.drops, self.recurrent, strict=False):
            x = layer(drop(x, training=training), mask=mask, training=training)
        return self.scores(self.drops[-1](x, training=training))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), **self._config}
