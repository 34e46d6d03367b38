"""Tests of `utils.datasets.public`: found, made from files by hand, downloaded, or refused in one sentence."""

import dataclasses
import hashlib
import http.server
import io
import os
import tarfile
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT

from utils import datasets
from utils.datasets import SPLITS, PublicDataUnavailable, public

pytestmark = pytest.mark.slow  # makes or prepares whole data sets

REAL = Path(os.environ.get("COURSE_REAL_DATA", ROOT.parent / "shared" / "data"))
KEYS = {
    "text": {"text": 0},
    "classified text": {"text": 0, "label": 0},
    "tagged tokens": {"tokens": 1, "tags": 1},
    "pairs": {"source": 0, "target": 0},
}  # the rank of each key's value
EWT = "1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\t_\n2\thome\thome\tADV\tRB\t_\t1\tadvmod\t_\t_\n\n"


def tar(members, mode):
    """The bytes of an archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, content in members.items():
            content = content if isinstance(content, bytes) else content.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def panx(word="Rick"):
    """A small WikiANN, as its archive is built."""
    parts = {part: f"en:{word}\tB-PER\nen:{part}\tO\n" for part in ("train", "dev", "test")}
    return tar({"en.tar.gz": tar(parts, "w:gz")}, "w")


def wikiann(part, word="Rick"):
    return [{"tokens": [word, part], "tags": ["B-PER", "O"]}]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "by hand"
    path.mkdir()
    return path


# Names, schemas


def test_names_are_known_to_datasets_and_unknown_ones_are_refused(tmp_path):
    for name in public.names():
        assert set(public.SETS[name].features) == set(KEYS[public.SETS[name].kind])
    with pytest.raises(ValueError, match="public set is 'mnist', but one of imdb_reviews, ted_hrlr_translate/pt_to_en"):
        public.load("mnist")
    with pytest.raises(ValueError, match="or one of the public sets imdb_reviews"):
        datasets.load("mnist")
    with pytest.raises(ValueError, match="split is 'dev', but one of train, validation, test"):
        public.load("wikiann/en", "dev", tmp_path)


@pytest.mark.parametrize("name", public.names())
def test_every_set_has_the_schema_of_its_kind(name, tmp_path, monkeypatch):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    monkeypatch.setattr(public, "prepare", lambda name, data_dir, *_: public.maker(name)(data_dir=data_dir))
    expected = {key: tf.TensorSpec([None] * rank, tf.string) for key, rank in KEYS[public.SETS[name].kind].items()}
    with tfds.testing.mock_data(num_examples=4):
        loaded = datasets.load(name, data_dir=tmp_path)
        assert list(loaded) == list(SPLITS)
        for data in loaded.values():
            assert data.element_spec == expected
            assert len(list(data)) == 4
        for record in public.records(name, "test", tmp_path):
            assert list(record) == list(KEYS[public.SETS[name].kind])
            assert all(isinstance(value, str) or all(isinstance(v, str) for v in value) for value in record.values())


@pytest.mark.parametrize(
    ("name", "key", "known"),
    [
        ("imdb_reviews", "label", {"neg", "pos"}),
        ("wikiann/en", "tags", {"O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"}),
        ("universal_dependencies/en_ewt", "tags", None),
    ],
)
def test_labels_and_tags_are_words_not_numbers(name, key, known, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(public, "prepare", lambda name, data_dir, *_: public.maker(name)(data_dir=data_dir))
    with tfds.testing.mock_data(num_examples=20):
        values = [record[key] for record in public.records(name, "train", tmp_path)]
    found = set(values) if isinstance(values[0], str) else {tag for tags in values for tag in tags}
    assert len(found) > 1
    assert found <= (known or {"NOUN", "VERB", "ADV", "ADJ", *found})
    assert not any(value.isdigit() for value in found)


@pytest.mark.parametrize("name", sorted(set(public.names()) - {"wikiann/en"}))
def test_tfds_asks_for_the_files_that_the_course_names(name):
    infos = public.maker(name).func.url_infos
    for file, url in public.SETS[name].files.items():
        assert infos[url].filename == file
    assert public.download_size(name) == sum(infos[url].size for url in public.SETS[name].urls)


# From files by hand


@pytest.fixture
def known(monkeypatch):
    """Makes tfds take given contents for a set's files."""
    from tensorflow_datasets.core.download.checksums import UrlInfo

    def taken(name, contents, folder):
        files = public.SETS[name].files
        infos = {}
        for file, url in files.items():
            content = contents[file] if isinstance(contents[file], bytes) else contents[file].encode()
            (folder / file).write_bytes(content)
            infos[url] = UrlInfo(len(content), hashlib.sha256(content).hexdigest(), file)
        monkeypatch.setattr(public.maker(name).func, "url_infos", infos)

    return taken


def test_tiny_shakespeare_from_its_real_file(tmp_path):
    source = REAL / "tiny_shakespeare"
    if not (source / "input.txt").exists():
        pytest.skip(f"tiny_shakespeare is not in {REAL.name}/: set COURSE_REAL_DATA to the folder that holds it")
    public.prepare("tiny_shakespeare", tmp_path, manual_dir=source)
    texts = {split: datasets.load("tiny_shakespeare", split, tmp_path) for split in SPLITS}
    texts = {split: next(iter(data))["text"].numpy().decode() for split, data in texts.items()}
    assert "".join(texts.values()) == (source / "input.txt").read_text(encoding="utf-8")
    assert {split: len(text) for split, text in texts.items()} == {"train": 1003854, "validation": 55770, "test": 55770}


def test_wikiann_from_an_archive(tmp_path, folder):
    (folder / "panx_dataset.tar").write_bytes(panx())
    loaded = public.load("wikiann/en", "validation", tmp_path, manual_dir=folder)
    assert [example["tags"].numpy().tolist() for example in loaded] == [[b"B-PER", b"O"]]
    assert public.records("wikiann/en", "train", tmp_path) == wikiann("train")
    assert public.records("wikiann/en", "test", tmp_path) == wikiann("test")
    assert not list((tmp_path / "downloads").glob("extracted.*/*"))


def test_imdb_reviews_from_an_archive(tmp_path, folder, known):
    reviews = {
        f"aclImdb/{part}/{label}/{i}_1.txt": f"{part} {label} {i}"
        for part in ("train", "test")
        for label in ("neg", "pos")
        for i in range(10)
    }
    known("imdb_reviews", {"aclImdb_v1.tar.gz": tar({**reviews, "aclImdb/train/unsup/0_0.txt": "?"}, "w:gz")}, folder)
    public.prepare("imdb_reviews", tmp_path, folder)
    parts = {split: public.records("imdb_reviews", split, tmp_path) for split in SPLITS}
    assert {split: len(part) for split, part in parts.items()} == {"train": 18, "validation": 2, "test": 20}
    texts = [record["text"] for part in parts.values() for record in part]
    assert sorted(texts) == sorted(reviews.values())
    assert all(record["label"] in record["text"] for part in parts.values() for record in part)


def test_ted_talks_from_an_archive(tmp_path, folder, known):
    lines = {
        f"datasets/pt_to_en/{language}.{part}": f"{language} {part}\nsegunda\n"
        for language in ("pt", "en")
        for part in ("train", "dev", "test")
    }
    known("ted_hrlr_translate/pt_to_en", {"qi18naacl-dataset.tar.gz": tar(lines, "w:gz")}, folder)
    public.prepare("ted_hrlr_translate/pt_to_en", tmp_path, folder)
    pairs = public.records("ted_hrlr_translate/pt_to_en", "validation", tmp_path)
    assert {"source": "pt dev", "target": "en dev"} in pairs


def test_universal_dependencies_from_files(tmp_path, folder, known):
    pytest.importorskip("conllu")
    contents = {
        f"en_ewt-ud-{part}.conllu": f"# sent_id = {part}-1\n# text = Go home\n{EWT}"
        for part in ("train", "dev", "test")
    }
    known("universal_dependencies/en_ewt", contents, folder)
    public.prepare("universal_dependencies/en_ewt", tmp_path, folder)
    expected = [{"tokens": ["Go", "home"], "tags": ["VERB", "ADV"]}]
    assert public.records("universal_dependencies/en_ewt", "validation", tmp_path) == expected


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(public.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PublicDataUnavailable, match="needs the package conllu, which `pip install conllu` brings"):
        public.load("universal_dependencies/en_ewt", "train", tmp_path)


def test_a_set_that_is_prepared_needs_neither_files_nor_network(tmp_path, folder, monkeypatch):
    (folder / "panx_dataset.tar").write_bytes(panx())
    public.prepare("wikiann/en", tmp_path, folder)
    (folder / "panx_dataset.tar").unlink()
    monkeypatch.setattr(public, "_download", None)
    assert datasets.load("wikiann/en", "train", data_dir=tmp_path)
    assert public.prepare("wikiann/en", tmp_path, folder).info.splits["train"].num_examples == 1


def test_files_in_the_usual_folder_are_taken_before_the_network(tmp_path, monkeypatch):
    monkeypatch.setattr(public, "_download", None)
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "panx_dataset.tar").write_bytes(panx())
    assert public.records("wikiann/en", "train", tmp_path) == wikiann("train")
    assert (manual / "panx_dataset.tar").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tiny_shakespeare", None, "there is no input.txt in "),
        ("tiny_shakespeare", b"First Citizen:", r"input.txt \(14 bytes\) is not the file that it is made of"),
        ("wikiann/en", b"<html>404</html>", r"panx_dataset.tar \(16 bytes\) is not the file that it is made of"),
        ("wikiann/en", tar({"fr.tar.gz": b""}, "w"), "cannot"),
        ("wikiann/en", tar({"en.tar.gz": b"no archive"}, "w"), "cannot be read"),
        (
            "wikiann/en",
            tar({"en.tar.gz": tar({"train": "en:x\tB-NONE\n", "dev": "", "test": ""}, "w:gz")}, "w"),
            "cannot be read",
        ),
    ],
    ids=["missing", "other bytes", "no archive", "other language", "broken inside", "other tags"],
)
def test_wrong_files_are_refused_and_leave_nothing(name, content, said, tmp_path, folder):
    if content is not None:
        (folder / next(iter(public.SETS[name].files))).write_bytes(content)
    with pytest.raises((PublicDataUnavailable, OSError), match=said) as raised:
        public.prepare(name, tmp_path, manual_dir=folder)
    assert "\n" not in str(raised.value)
    assert not [path for path in tmp_path.rglob("*.tfrecord*") if path.is_file()]
    assert not list(tmp_path.glob("downloads/extracted.*"))


# From the network: a server on this machine


@pytest.fixture
def server(monkeypatch):
    """Serves what a function writes, as the address of WikiANN; says how often it was asked."""
    asked = []
    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            Handler.answer(self)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{running.server_port}/panx_dataset.tar?dl=1"
    replaced = dataclasses.replace(public.SETS["wikiann/en"], urls=(address,))
    monkeypatch.setattr(public, "SETS", {**public.SETS, "wikiann/en": replaced})
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Handler.asked, Handler.release = asked, release
    yield Handler
    release.set()
    running.shutdown()
    running.server_close()


def send(handler, content, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(length or len(content)))
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()


def left(directory):
    return [path.name for path in Path(directory).rglob("*") if path.is_file()]


def test_a_set_is_downloaded_once_and_the_archive_goes(server, tmp_path):
    server.answer = lambda handler: send(handler, panx())
    assert datasets.load("wikiann/en", "train", tmp_path)
    assert public.records("wikiann/en", "test", tmp_path) == wikiann("test")
    assert server.asked == ["/panx_dataset.tar?dl=1"]
    assert not left(tmp_path / "downloads")


def test_a_download_that_stands_still_is_given_up(server, tmp_path):
    def half(handler):
        send(handler, panx()[:5000], length=len(panx()))
        handler.release.wait(30)

    server.answer = half
    start = time.monotonic()
    with pytest.raises(
        PublicDataUnavailable, match=r"127\.0\.0\.1 has sent nothing for 0\.3 s; with panx_dataset\.tar"
    ):
        public.load("wikiann/en", "train", tmp_path, wait=0.3)
    assert time.monotonic() - start < 20  # not the minutes that tfds would take
    assert not left(tmp_path)
    server.answer = lambda handler: send(handler, panx())
    assert public.records("wikiann/en", "train", tmp_path) == wikiann("train")


def test_a_download_that_goes_on_is_not_given_up(server, tmp_path):
    def slowly(handler):
        content = panx()
        send(handler, content[:1000], length=len(content))
        for start in range(1000, len(content), 2000):
            time.sleep(0.15)
            handler.wfile.write(content[start : start + 2000])
            handler.wfile.flush()

    server.answer = slowly
    assert public.load("wikiann/en", "train", tmp_path, wait=5)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda handler: handler.send_error(404, "Not Found"), "127.0.0.1 answers 404 Not Found for http://127"),
        (lambda handler: send(handler, b"half", length=10_000), "127.0.0.1 (cannot be re|has sent 4 of 10000)"),
        (lambda handler: send(handler, b"<html>Sign in</html>"), "is not the file that it is made of"),
        (lambda handler: handler.connection.close(), "127.0.0.1 cannot be re"),
    ],
    ids=["not found", "breaks off", "a page", "closes"],
)
def test_a_download_that_fails_says_why_and_leaves_nothing(answer, said, server, tmp_path):
    server.answer = answer
    with pytest.raises(PublicDataUnavailable, match=said) as raised:
        public.load("wikiann/en", "train", tmp_path, wait=10)
    assert "\n" not in str(raised.value)
    assert "`course data prepare wikiann/en --manual-dir FOLDER` makes it" in str(raised.value)
    time.sleep(0.05)
    assert not left(tmp_path)


def test_no_network_is_one_sentence(tmp_path, monkeypatch):
    def unknown(*_, **__):
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(
        PublicDataUnavailable, match=r"^imdb_reviews cannot be had: ai\.stanford\.edu cannot be reached;"
    ):
        datasets.load("imdb_reviews", "train", tmp_path)


def test_a_name_that_is_looked_up_for_ever_is_given_up(tmp_path, monkeypatch):
    found = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found.wait(30) and [])
    with pytest.raises(PublicDataUnavailable, match=r"ai\.stanford\.edu has sent nothing for 0\.2 s"):
        public.load("imdb_reviews", "train", tmp_path, wait=0.2)
    found.set()


def test_a_set_that_another_process_has_prepared_meanwhile_is_taken(tmp_path, folder, monkeypatch):
    (folder / "panx_dataset.tar").write_bytes(panx())

    def overtaken(*_):
        monkeypatch.undo()
        public.prepare("wikiann/en", tmp_path, manual_dir=folder)
        raise OSError("the folder is gone")

    monkeypatch.setattr(public, "_download", overtaken)
    assert public.records("wikiann/en", "train", tmp_path) == wikiann("train")
