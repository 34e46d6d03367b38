"""Downloading a file with a bounded wait."""

import contextlib
import queue
import threading
import uuid
from pathlib import Path
from urllib.parse import urlsplit

_BLOCK = 1 << 15  # bytes read at once: so few that even a slow line shows progress within `wait`


class NoAnswerError(Exception):
    """A file cannot be downloaded; the message says why."""


def fetch(url: str, path: Path, wait: float) -> None:
    """Download one file with a progress bar; it is there whole or not at all.

    The transfer runs in a thread, because looking up a host's name cannot be given a time limit: where there is no
    network it may take minutes. Nobody waits for a thread that has been given up; it ends by itself.

    Args:
        url: The address.
        path: Where the file goes; its folder exists.
        wait: Seconds without a byte after which the download is given up.

    Raises:
        NoAnswerError: If the file cannot be downloaded.
    """
    from tqdm.auto import tqdm

    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    news: queue.Queue = queue.Queue()
    given_up = threading.Event()
    threading.Thread(target=_transfer, args=(url, part, wait, news, given_up), daemon=True).start()
    try:
        # No bar for a server that does not answer.
        with tqdm(desc=path.name, unit="B", unit_scale=True, leave=False, delay=0.5) as bar:
            while True:
                try:
                    what, value = news.get(timeout=wait)
                except queue.Empty:
                    raise NoAnswerError(f"{urlsplit(url).hostname} has sent nothing for {wait:g} s") from None
                if what == "total":
                    bar.reset(total=value)
                elif what == "bytes":
                    bar.update(value)
                elif what == "failed":
                    raise NoAnswerError(f"{urlsplit(url).hostname} {value}")
                else:
                    break
        part.replace(path)
    finally:
        given_up.set()
        with contextlib.suppress(OSError):  # where an open file cannot be removed, the thread removes it
            part.unlink(missing_ok=True)


def _transfer(url: str, part: Path, wait: float, news: queue.Queue, given_up: threading.Event) -> None:
    """Write a file's bytes and tell of them; whatever happens ends in one last word, "done" or "failed"."""
    import requests

    try:
        # The one who waits gives up first; this ends the thread.
        with requests.get(url, stream=True, timeout=2 * wait) as answer:
            if answer.status_code != 200:
                news.put(("failed", f"answers {answer.status_code} {answer.reason} for {url}"))
                return
            length = answer.headers.get("Content-Length")
            total = int(length) if length and "Content-Encoding" not in answer.headers else None
            news.put(("total", total))
            size = 0
            with part.open("wb") as file:
                for block in answer.iter_content(_BLOCK):
                    if given_up.is_set():
                        break
                    file.write(block)
                    size += len(block)
                    news.put(("bytes", len(block)))
        if total is not None and size != total:
            news.put(("failed", f"has sent {size} of {total} bytes"))
            return
        news.put(("done", None))
    except requests.ConnectionError:
        news.put(("failed", "cannot be reached"))
    except (requests.RequestException, OSError) as error:
        news.put(("failed", f"cannot be read from ({error})"))
    finally:
        if given_up.is_set():
            part.unlink(missing_ok=True)
