"""Values between two processes that do not trust each other: a JSON header and raw arrays, never a pickle.

Every size is checked before anything is allocated. What has no plain form arrives as `Foreign`, which is equal to
nothing but itself. Functions stay where they are: the other side gets a reference.
"""

import json
import math
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

HEADER_BYTES = 4 * 2**20
BODY_BYTES = 64 * 2**20
CALL_SECONDS = 20.0  # twice what a notebook gives a call, because several submissions share a machine
DEPTH = 30
TICK = 0.25  # seconds
KINDS = "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16"
DTYPES = {np.dtype(kind).str: np.dtype(kind) for kind in KINDS.split()}
_FRAME = struct.Struct("!4sIQ")
_MAGIC = b"SEQ1"


class WireError(Exception):
    """Bytes or a value that cannot travel: one sentence."""


class Closed(WireError):
    """The other side is gone."""


class Expired(WireError):
    """The time for an answer is over."""


class Foreign:
    """Stands for an object that has no plain form; the name of its class is all that is known of it."""


def foreign(name: str) -> Foreign:
    """A stand-in whose class is called `name`."""
    return type(name if name.isidentifier() else "object", (Foreign,), {})()


@dataclass(frozen=True)
class Reference:
    """A function or model that lives in another process.

    Attributes:
        owner: `"mine"` for one of the sender, `"yours"` for one of the receiver.
        key: Its number there.
        name: What it is called.
    """

    owner: str
    key: int
    name: str = ""


def encode(value: Any, buffers: list[bytes], refer: Callable[[Any], Reference | None], depth: int = 0) -> Any:
    """The value as what JSON can hold; arrays are appended to `buffers`.

    Args:
        value: Anything.
        buffers: Gets the raw bytes of the arrays.
        refer: Gives the reference for a callable, or `None` if it may not travel.
        depth: How deep the value lies in others.

    Raises:
        WireError: If the value is nested too deeply, or its arrays are too large.
    """
    if depth > DEPTH:
        raise WireError(f"a value that is nested more than {DEPTH} deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _encode_array(value, buffers)
    if type(value) in (int, float, str):
        return value
    if isinstance(value, tuple | list | set | frozenset | dict):
        kind = next(
            k
            for k, types in {"t": tuple, "l": list, "s": (set, frozenset), "d": dict}.items()
            if isinstance(value, types)
        )
        if len(value) > HEADER_BYTES // 4:
            raise WireError(f"{len(value):,} values in one {type(value).__name__}, where an array belongs")
        items = value.items() if kind == "d" else value
        return {kind: [encode(item, buffers, refer, depth + 1) for item in items]}
    if isinstance(value, complex):
        return {"c": [value.real, value.imag]}
    for plain in (int, float, str):
        if isinstance(value, plain):  # of a class derived from it
            return plain(value)
    reference = refer(value) if callable(value) else None
    if reference is not None:
        return {"f": [reference.owner, reference.key, reference.name]}
    return {"x": type(value).__name__}


def _encode_array(value, buffers):
    scalar = isinstance(value, np.generic)
    array = np.asarray(value)
    note = {"shape": list(array.shape), "scalar": scalar}
    if array.dtype.kind == "U":
        return {"u": [str(v) for v in array.reshape(-1)], **note}
    if "float" in array.dtype.name and array.dtype.str[1:] not in ("f2", "f4", "f8"):  # bfloat16 and its like
        array = array.astype("float32")
    dtype = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
    if dtype.str not in DTYPES:
        return {"x": "ndarray", "dtype": str(array.dtype)[:40]}
    if sum(map(len, buffers)) + array.nbytes > BODY_BYTES:
        raise WireError(f"arrays of {array.nbytes / 2**20:,.0f} MiB; at most {BODY_BYTES // 2**20} MiB can be judged")
    buffers.append(array.astype(dtype, copy=False).tobytes())
    return {"a": len(buffers) - 1, "dtype": dtype.str, **note}


def decode(value: Any, buffers: list[memoryview], resolve: Callable[[Reference], Any], depth: int = 0) -> Any:
    """The value that `encode` described.

    Args:
        value: What JSON held.
        buffers: The raw bytes of the arrays.
        resolve: Gives the object for a reference.
        depth: How deep the value lies in others.

    Raises:
        WireError: If this is nothing that `encode` makes.
    """
    if depth > DEPTH:
        raise WireError("a value that is nested too deeply")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, dict) or not value:
        raise WireError("a value of no known kind")
    kind, content = next(iter(value.items()))
    if kind in ("t", "l", "s", "d"):
        if not isinstance(content, list):
            raise WireError("items that are no list")
        items = [decode(item, buffers, resolve, depth + 1) for item in content]
        try:
            return {"t": tuple, "l": list, "s": set, "d": dict}[kind](items)
        except (TypeError, ValueError):  # keys that cannot be keys
            return foreign({"s": "set", "d": "dict"}.get(kind, "object"))
    if kind in ("a", "u"):
        return _decode_array(value, buffers)
    if kind == "c" and isinstance(content, list) and len(content) == 2:
        return complex(*(float(part) for part in content))
    if kind == "f" and isinstance(content, list) and len(content) == 3:
        owner, key, name = content
        if owner in ("mine", "yours") and type(key) is int and isinstance(name, str):
            return resolve(Reference(owner, key, clean(name)[:80]))
    if kind == "x" and isinstance(content, str):
        return foreign(clean(content)[:80])
    raise WireError("a value of no known kind")


def _decode_array(value, buffers):
    shape = value.get("shape")
    if not isinstance(shape, list) or len(shape) > 16 or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise WireError("an array without a shape")
    count = math.prod(shape)
    if "u" in value:
        texts = value["u"]
        if not isinstance(texts, list) or len(texts) != count or not all(isinstance(t, str) for t in texts):
            raise WireError("an array of text that does not fit its shape")
        if count * max(map(len, texts), default=0) * 4 > BODY_BYTES:
            raise WireError("an array of text that is too large")
        array = np.array([clean(t) for t in texts], dtype=str).reshape(shape)
    else:
        dtype, place = DTYPES.get(value.get("dtype")), value["a"]
        if dtype is None or type(place) is not int or not 0 <= place < len(buffers):
            raise WireError("an array without a dtype")
        if len(buffers[place]) != count * dtype.itemsize:
            raise WireError("an array that does not fit its shape")
        array = np.frombuffer(buffers[place], dtype=dtype).reshape(shape).copy()
    return array[()] if value.get("scalar") is True and not shape else array


def clean(text: str) -> str:
    """Text that every file can hold: without lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Channel:
    """Messages over a socket, each a JSON object with arrays.

    Args:
        connection: One end of a socket pair.
        body_bytes: The largest message that is accepted.
    """

    def __init__(self, connection: socket.socket, body_bytes: int = BODY_BYTES) -> None:
        self.connection, self.body_bytes = connection, body_bytes
        connection.setblocking(False)

    def send(self, header: dict, buffers: list[bytes], deadline: float = math.inf, tick: Callable = lambda: None):
        """Sends one message.

        Raises:
            Closed: If nobody reads any more.
            Expired: If it was not taken in time.
            WireError: If it is too large.
        """
        text = json.dumps({**header, "sizes": [len(b) for b in buffers]}).encode()
        total = sum(map(len, buffers))
        if len(text) > HEADER_BYTES or total > BODY_BYTES:
            raise WireError("more than can be sent at once")
        data = memoryview(_FRAME.pack(_MAGIC, len(text), total) + text + b"".join(buffers))
        while data:
            self._wait(False, deadline, tick)
            try:
                data = data[self.connection.send(data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed(str(error)) from None

    def receive(self, deadline: float = math.inf, tick: Callable = lambda: None) -> tuple[dict, list[memoryview]]:
        """The next message: its header and its arrays' bytes. `tick` is called now and then while it waits.

        Raises:
            Closed: If the other side has gone.
            Expired: If nothing whole came until `deadline` (of `time.monotonic`).
            WireError: If it is no message.
        """
        magic, length, total = _FRAME.unpack(self._read(_FRAME.size, deadline, tick))
        if magic != _MAGIC or length > HEADER_BYTES or total > self.body_bytes:
            raise WireError("something that is no message")
        text, body = self._read(length, deadline, tick), memoryview(self._read(total, deadline, tick))
        try:
            header = json.loads(text)
            sizes = header.pop("sizes")
            if not all(type(n) is int and n >= 0 for n in sizes) or sum(sizes) != total:
                raise ValueError
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            raise WireError("something that is no message") from None
        buffers = []
        for size in sizes:
            buffers.append(body[:size])
            body = body[size:]
        return header, buffers

    def _read(self, count, deadline, tick):
        data = bytearray(count)
        view = memoryview(data)
        while view:
            self._wait(True, deadline, tick)
            try:
                got = self.connection.recv_into(view)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed(str(error)) from None
            if not got:
                raise Closed("the other side has ended")
            view = view[got:]
        return data

    def _wait(self, reading, deadline, tick):
        poll = select.poll()
        poll.register(self.connection, select.POLLIN if reading else select.POLLOUT)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Expired("no answer in time")
            if poll.poll(1000 * min(left, TICK)):
                return
            tick()

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()
