"""Reference Keras layers that later lessons and the recipes build on."""

from utils.layers.lstm import LSTM

__all__ = ["LSTM"]
