"""Tests of `utils.datasets.files`: TSV and CoNLL files, good and bad."""

import doctest
import os
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT

from utils.datasets import files
from utils.datasets.files import DataFileError, alternatives, as_dataset, read_conll, read_pairs, split_records

REAL = Path(os.environ.get("COURSE_REAL_DATA", ROOT.parent / "shared" / "data"))


def real(name):
    """The path of a file that does not belong to the project; skips the test where it is not there."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{name} is not in {REAL.name}/: set COURSE_REAL_DATA to the folder that holds it")
    return path


@pytest.fixture
def write(tmp_path):
    def written(content, name="data.tsv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def test_docstring_examples():
    assert doctest.testmod(files).failed == 0


# Pairs


def test_pairs_are_read_in_the_order_of_the_file(write):
    pairs = read_pairs(write("run\tcours\ndog\tchien\nrun\tcourez\n"))
    assert pairs == [
        {"source": "run", "target": "cours"},
        {"source": "dog", "target": "chien"},
        {"source": "run", "target": "courez"},
    ]
    assert alternatives(pairs) == {"run": ["cours", "courez"], "dog": ["chien"]}


def test_a_target_that_comes_twice_is_one_alternative(write):
    assert alternatives(read_pairs(write("a\tb\na\tb\na\tc"))) == {"a": ["b", "c"]}


@pytest.mark.parametrize(
    "content",
    [
        b"d\xc3\xa9j\xc3\xa0\tdone\nyes\tno\n",
        b"d\xc3\xa9j\xc3\xa0\tdone\r\nyes\tno\r\n",
        b"d\xc3\xa9j\xc3\xa0\tdone\ryes\tno",
        b"\xef\xbb\xbfd\xc3\xa9j\xc3\xa0\tdone\nyes\tno",
        b"\n\nd\xc3\xa9j\xc3\xa0\tdone\n  \n\nyes\tno\n\t\n\n",
        b" d\xc3\xa9j\xc3\xa0 \t done\nyes\tno ",
    ],
    ids=["plain", "windows", "old mac", "byte order mark", "empty lines", "spaces"],
)
def test_line_ends_marks_and_empty_lines_change_nothing(write, content):
    assert read_pairs(write(content)) == [{"source": "déjà", "target": "done"}, {"source": "yes", "target": "no"}]


def test_characters_that_only_look_like_line_ends_belong_to_the_text(write):
    assert read_pairs(write("a\u2028b\tc\x85d\x0be\n")) == [{"source": "a\u2028b", "target": "c\x85d\x0be"}]


def test_columns_header_and_encoding_are_options(write):
    path = write("id\tfrançais\tenglish\n7\tété\tsummer\n".encode("latin-1"))
    assert read_pairs(path, columns=(2, 1), header=True, encoding="latin-1") == [{"source": "summer", "target": "été"}]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("dog\tchien\ncat\nbird\toiseau\n", 2, "1 column, but the first line has 2"),
        ("dog\tchien\n\n\ncat\tchat\tx\n", 4, "3 columns, but the first line has 2"),
        ("dog chien\ncat chat\n", 1, "1 column, but columns 0 and 1 .* are they separated by tabs"),
        ("dog\tchien\r\ncat\t\r\n", 2, "the target is empty"),
        ("dog\tchien\n\tchat\n", 2, "the source is empty"),
        ("dog\tchien\nété\tsummer\n".encode("latin-1"), 2, "byte 0xe9 is not UTF-8.*encoding='latin-1'"),
        ("dog\tchien\n".encode("utf-16"), 1, "UTF-16.*encoding='utf-16'"),
    ],
)
def test_a_bad_pair_is_named_with_its_line(write, content, line, said):
    path = write(content)
    with pytest.raises(DataFileError, match=said) as raised:
        read_pairs(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize("content", ["", "\n \n", "source\ttarget\n"])
def test_a_file_without_pairs_is_no_empty_data_set(write, content):
    path = write(content)
    with pytest.raises(DataFileError, match="no line with a source and a target"):
        read_pairs(path, header=True)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pairs(tmp_path / "none.tsv")


# Archives


def test_the_one_file_of_an_archive_is_found(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name in ("fra/_about.txt", "__MACOSX/._fra.txt", "fra/.hidden.txt", "fra/picture.png", "fra/"):
            target.writestr(name, b"\xff nothing")
        target.writestr("fra/fra.txt", "dog\tchien\n")
    assert read_pairs(path) == [{"source": "dog", "target": "chien"}]


def test_one_of_several_files_in_an_archive_is_named(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("train.tsv", "dog\tchien\n")
        target.writestr("test.tsv", "cat\tchat\ncat\n")
    with pytest.raises(DataFileError, match=r"holds train.tsv, test.tsv, but one text file is expected"):
        read_pairs(path)
    assert read_pairs(path, member="train.tsv")[0]["source"] == "dog"
    with pytest.raises(DataFileError, match=r"holds train.tsv, test.tsv, but no 'dev.tsv'"):
        read_pairs(path, member="dev.tsv")
    with pytest.raises(DataFileError) as raised:
        read_pairs(path, member="test.tsv")
    assert str(raised.value).startswith(f"{path}:test.tsv, line 2: ")


def test_a_broken_archive_and_a_member_of_no_archive(write):
    with pytest.raises(DataFileError, match="is no whole zip archive"):
        read_pairs(write(b"PK\x03\x04 half", "data.zip"))
    with pytest.raises(DataFileError, match="leave member out"):
        read_pairs(write("a\tb"), member="a.tsv")


# Tagged sentences


def test_sentences_end_at_empty_lines(write):
    content = "-DOCSTART-\tO\n\nAnn\tB-PER\nsleeps\tO\n\n\nNew\tB-LOC\nYork\tI-LOC"
    assert read_conll(write(content)) == [
        {"tokens": ["Ann", "sleeps"], "tags": ["B-PER", "O"]},
        {"tokens": ["New", "York"], "tags": ["B-LOC", "I-LOC"]},
    ]


@pytest.mark.parametrize(
    "content",
    [
        "Ann NNP B-NP B-PER\n. . O O\n",
        "Ann  NNP   B-NP B-PER \r\n. . O O\r\n\r\n",
        "\ufeffAnn\tx\tB-PER\n.\tx\tO\n\t\n",
    ],
    ids=["spaces", "windows", "byte order mark"],
)
def test_separators_and_line_ends_change_nothing(write, content):
    assert read_conll(write(content)) == [{"tokens": ["Ann", "."], "tags": ["B-PER", "O"]}]


def test_hash_signs_are_tokens_where_the_file_is_not_conllu(write):
    assert read_conll(write("#run\tO\n#\tO\n"))[0]["tokens"] == ["#run", "#"]


CONLLU = (
    "# sent_id = 1\n# text = Don't go\n"
    "1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "1\tDo\tdo\tAUX\tVB\t_\t3\taux\t_\t_\n"
    "2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_\n"
    "2.1\tthen\t_\tADV\t_\t_\t_\t_\t_\t_\n"
    "3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_\n\n"
)


@pytest.mark.parametrize("name", ["ewt.conllu", "ewt.txt"])
def test_conllu_gives_words_and_universal_tags(write, name):
    assert read_conll(write(CONLLU, name)) == [{"tokens": ["Do", "n't", "go"], "tags": ["AUX", "PART", "VERB"]}]
    assert read_conll(write(CONLLU, name), tag=7)[0]["tags"] == ["aux", "advmod", "root"]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("Ann\tB-PER\nsleeps\n", 2, "1 column, but the first line has 2"),
        ("Ann\tB-PER\n\nNew York\tx\tB-LOC\n", 3, "3 columns, but the first line has 2"),
        ("Ann\nsleeps\n", 1, "1 column, but a token and its tag are expected"),
        ("Ann\tB-PER\r\nsleeps\t\r\n", 2, "the tag is empty"),
        ("Ann\tB-PER\n \tO\n", 2, "the token is empty"),
        (b"Ann\tB-PER\n\nJos\xe9\tB-PER\n", 3, "byte 0xe9 is not UTF-8"),
    ],
)
def test_a_bad_token_is_named_with_its_line(write, content, line, said):
    path = write(content, "data.conll")
    with pytest.raises(DataFileError, match=said) as raised:
        read_conll(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("1 Do do AUX VB _ 3 aux _ _\n", 1, "1 column, but CoNLL-U has 10, separated by tabs"),
        (CONLLU + "1\tGo\tgo\tVERB\n", 9, "4 columns, but the first line has 10"),
        (CONLLU.replace("\n3\t", "\nthree\t"), 7, "the ID is 'three', but a number is expected"),
    ],
)
def test_a_bad_line_of_conllu_is_named(write, content, line, said):
    path = write(content, "data.conllu")
    with pytest.raises(DataFileError, match=said) as raised:
        read_conll(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")


def test_a_column_that_is_not_there_and_a_file_without_sentences(write):
    with pytest.raises(DataFileError, match=r"line 1: 2 columns, but the tag is expected in column 3"):
        read_conll(write("Ann\tB-PER\n"), tag=3)
    with pytest.raises(DataFileError, match="no sentence"):
        read_conll(write("\n\n"))


# Splits and tf.data


def test_splits_keep_the_alternatives_of_a_source_together():
    pairs = [{"source": f"word {i // 2}", "target": str(i)} for i in range(2000)]
    parts = split_records(pairs)
    assert sum(map(len, parts.values())) == 2000
    sources = {split: {pair["source"] for pair in part} for split, part in parts.items()}
    assert not sources["train"] & sources["test"]
    assert not sources["train"] & sources["validation"]
    assert all(0.02 < len(parts[split]) / 2000 < 0.08 for split in ("validation", "test"))
    assert parts == split_records(pairs)


def test_sentences_are_split_by_their_tokens():
    sentences = [{"tokens": ["a", str(i)], "tags": ["O", "O"]} for i in range(200)]
    assert sum(map(len, split_records(sentences, key="tokens").values())) == 200
    with pytest.raises(ValueError, match="record 0 has the keys tokens, tags, but 'source' is expected"):
        split_records(sentences)


def test_records_become_the_dataset_that_load_would_give():
    import tensorflow as tf

    sentences = [{"tokens": ["Ann", "é"], "tags": ["B-PER", "O"]}, {"tokens": ["Yes"], "tags": ["O"]}]
    dataset = as_dataset(sentences)
    assert dataset.element_spec == {
        "tokens": tf.TensorSpec([None], tf.string),
        "tags": tf.TensorSpec([None], tf.string),
    }
    assert [example["tokens"].numpy().tolist() for example in dataset] == [[b"Ann", "é".encode()], [b"Yes"]]
    pairs = as_dataset([{"source": "a", "target": "b"}])
    assert pairs.element_spec == dict.fromkeys(["source", "target"], tf.TensorSpec([], tf.string))
    with pytest.raises(ValueError, match="records is empty"):
        as_dataset([])
    with pytest.raises(ValueError, match="record 1 has the keys text, but the first has source, target"):
        as_dataset([{"source": "a", "target": "b"}, {"text": "c"}])


# Real files, where they are


@pytest.mark.parametrize("language", ["dut", "fre", "gre", "hun", "kor"])
def test_sigmorphon(language):
    sizes = {"train": 3600, "dev": 450, "test": 450}
    for part, size in sizes.items():
        pairs = read_pairs(real(f"sigmorphon2020/{language}_{part}.tsv"))
        assert len(pairs) == len(alternatives(pairs)) == size
        assert all("" not in pair["target"].split(" ") for pair in pairs)


def test_tatoeba():
    pairs = read_pairs(real("tatoeba_fra_eng/fra-eng.zip"))
    assert len(pairs) == 167_130
    assert pairs[0] == {"source": "Go.", "target": "Va !"}
    assert len(alternatives(pairs)) == 116_830


@pytest.mark.parametrize(
    ("name", "sentences", "persons"),
    [("wnut17train.conll", 3394, 660), ("emerging.dev.conll", 1009, 470), ("emerging.test.annotated", 1287, 429)],
)
def test_wnut(name, sentences, persons):
    records = read_conll(real(f"wnut17/{name}"))
    assert len(records) == sentences
    assert Counter(tag for record in records for tag in record["tags"])["B-person"] == persons
