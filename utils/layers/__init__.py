"""Reference Keras layers that later lessons and the recipes build on."""

from utils.layers.attention import AdditiveAttention, LuongAttention
from utils.layers.encoder_decoder import EncoderDecoder
from utils.layers.lstm import GRU, LSTM

__all__ = ["GRU", "LSTM", "AdditiveAttention", "EncoderDecoder", "LuongAttention"]
