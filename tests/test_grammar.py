"""Tests of `utils.datasets.grammar`: against enumeration by hand, closed forms, and files with mistakes."""

import doctest
import hashlib
import itertools
import math
import os
import random
import subprocess
import sys
import textwrap
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest

from utils.datasets import grammar as package
from utils.datasets.grammar import Grammar, GrammarError, model

ENGLISH_FRENCH = textwrap.dedent(
    "    start S\n" + package.__doc__.split("    start S\n", 1)[1].split("\nLines, in any order", 1)[0]
)


def parse(text, **options):
    return Grammar.parse(textwrap.dedent(text), **options)


def sample_many(grammar, number, seed=0, **options):
    rng = np.random.default_rng(seed)
    return [grammar.sample(rng, **options) for _ in range(number)]


# Enumeration, which knows nothing of the engine: categories are A, B, C …, each leads to later ones only.


def random_grammar(seed):
    """A finite grammar as {left: [(weight, source items, target items)]}, with unit rules and empty sides."""
    rng = random.Random(seed)
    names = "ABCDE"
    rules = {}
    for n, name in enumerate(names):
        found = {}
        for _ in range(rng.randint(2, 4)):
            children = rng.sample(names[n + 1 :], min(rng.randint(0, 3), len(names) - n - 1))
            sides = []
            for _ in range(2):
                side = children + [rng.choice("xyz") for _ in range(rng.choice([0, 0, 1, 1, 2]))]
                rng.shuffle(side)
                sides.append(tuple(side))
            found[tuple(sides)] = rng.randint(1, 9)
        rules[name] = [(weight, *sides) for sides, weight in found.items()]
    return rules


def text_of(rules):
    lines = [f"{w} {left} -> {' '.join(s)} / {' '.join(t)}" for left, found in rules.items() for w, s, t in found]
    return "start A\n" + "\n".join(lines)


def derivations(rules, left):
    """All derivations, as (probability, source, target), by expanding every child in every way."""
    total = sum(weight for weight, *_ in rules[left])
    for weight, source, target in rules[left]:
        children = [item for item in source if item in rules]
        for parts in itertools.product(*(list(derivations(rules, child)) for child in children)):
            by_name = dict(zip(children, parts, strict=True))
            probability = weight / total * math.prod(part[0] for part in parts)
            yield (
                probability,
                tuple(w for item in source for w in (by_name[item][1] if item in by_name else (item,))),
                tuple(w for item in target for w in (by_name[item][2] if item in by_name else (item,))),
            )


@pytest.mark.parametrize("seed", range(10))
def test_probabilities_lengths_and_entropy_are_those_of_enumeration(seed):
    rules = random_grammar(seed)
    every = list(derivations(rules, "A"))
    grammar = Grammar.parse(text_of(rules), start="A")
    for side, name in ((1, "source"), (2, "target")):
        strings = defaultdict(list)
        for derivation in every:
            strings[derivation[side]].append(derivation[0])
        for string, probabilities in strings.items():
            expected = math.log(math.fsum(probabilities))
            assert grammar.log_probability(string, name) == pytest.approx(expected, rel=1e-12, abs=1e-12)
        mass = math.fsum(math.exp(grammar.log_probability(string, name)) for string in strings)
        assert mass == pytest.approx(1, abs=1e-12)
        for other in itertools.product("xyz", repeat=3):
            assert grammar.is_grammatical(other, name) == (other in strings)
        mean = math.fsum(d[0] * len(d[side]) for d in every)
        assert grammar.expected_length(name) == pytest.approx(mean, abs=1e-12)
    longest = max(len(source) for _, source, _ in every)
    for length in range(longest + 2):
        chosen = [p for p, source, _ in every if len(source) == length]
        assert grammar.length_probability(length) == pytest.approx(math.fsum(chosen), abs=1e-12)
        assert grammar.count(length) == len(chosen)
    assert grammar.entropy == pytest.approx(-math.fsum(p * math.log(p) for p, *_ in every), abs=1e-12)


@pytest.mark.parametrize("length", [None, 4, (2, 5)])
def test_sampling_follows_the_distribution_given_the_length(length):
    rules = random_grammar(3)
    low, high = {None: (0, 99), 4: (4, 4)}.get(length, length)
    expected = Counter()
    for probability, source, target in derivations(rules, "A"):
        if low <= len(source) <= high:
            expected[source, target] += probability
    number = 4000
    drawn = sample_many(Grammar.parse(text_of(rules), start="A"), number, length=length)
    counts = Counter((sentence.source, sentence.target) for sentence in drawn)
    assert counts.keys() <= expected.keys()
    mass = sum(expected.values())
    for pair, weight in expected.items():
        p = weight / mass
        assert abs(counts[pair] - number * p) <= 5 * math.sqrt(number * p * (1 - p)) + 1, pair


def test_ambiguity_is_summed_as_catalan_numbers_say():
    grammar = parse("start S\n2 S -> S S\n3 S -> a")
    for n in range(1, 13):
        trees = math.comb(2 * n - 2, n - 1) // n
        expected = math.log(trees * 0.4 ** (n - 1) * 0.6**n)
        assert grammar.log_probability(["a"] * n) == pytest.approx(expected, rel=1e-13)
        assert grammar.count(n) == trees
    assert grammar.expected_length() == pytest.approx(0.6 / (1 - 0.8))
    assert all(len(s.source) == 30 for s in sample_many(grammar, 20, length=30))


@pytest.mark.parametrize("rule", ["S -> a S", "S -> S a"])
def test_recursion_on_either_hand_and_long_strings(rule):
    grammar = parse(f"start S\n9 {rule}\n1 S -> a")
    assert grammar.log_probability(["a"] * 1000) == pytest.approx(999 * math.log(0.9) + math.log(0.1), rel=1e-12)
    assert grammar.expected_length() == pytest.approx(10)
    assert len(grammar.sample(np.random.default_rng(0), length=400).source) == 400
    deviation = [-s.log_probability - grammar.entropy for s in sample_many(grammar, 3000)]
    assert abs(np.mean(deviation)) < 4 * np.std(deviation) / math.sqrt(3000)


def test_features_expand_and_weights_are_normalised_for_each_left_side_with_its_features():
    grammar = parse(
        """
        start S
        feature number: sg*3 pl
        category N V: number
        S -> N[number] V[number]
        2 N[sg] -> dog
        6 N[sg] -> cat
        5 N[pl] -> dogs
        V -> slept
        V[sg] -> barks
        """
    )
    expected = {
        "dog slept": Fraction(3, 4) * Fraction(1, 4) * Fraction(1, 2),
        "cat barks": Fraction(3, 4) * Fraction(3, 4) * Fraction(1, 2),
        "dogs slept": Fraction(1, 4),
    }
    for sentence, probability in expected.items():
        assert math.exp(grammar.log_probability(sentence.split())) == pytest.approx(float(probability), rel=1e-14)
    assert "dogs barks".split() not in grammar
    assert sum(grammar.count(n) for n in range(4)) == 5


def test_a_rule_keeps_its_weight_however_many_values_it_may_choose_among():
    grammar = parse(
        """
        start S
        feature size: small big*2 huge
        category N: size
        1 S -> one N
        1 S -> two N[size] N[size]
        2 S -> none
        N[small|big] -> thing
        N[big] -> heap
        """
    )
    # No N is huge, so small and big share the weight of each rule, one to two.
    assert math.exp(grammar.log_probability(["none"])) == pytest.approx(1 / 2)
    assert math.exp(grammar.log_probability(["one", "heap"])) == pytest.approx(1 / 4 * 2 / 3 / 2)
    pair = 1 / 4 * (1 / 3 + 2 / 3 / 4)
    assert math.exp(grammar.log_probability(["two", "thing", "thing"])) == pytest.approx(pair)


def test_the_example_of_the_documentation_agrees_elides_and_negates():
    grammar = Grammar.parse(ENGLISH_FRENCH)
    french = {" ".join(s.source): " ".join(s.target) for s in sample_many(grammar, 5000)}
    assert french["the green owl does not like the schools ."] == "le hibou vert n' aime pas les écoles ."
    assert french["the school sees the tree ."] == "l' école voit l' arbre ."
    assert len(french) > 200
    assert not any(" le école" in text or "l' h" in text or "ne aim" in text for text in french.values())
    assert "les écoles vertes voient l' arbre .".split() not in grammar
    assert grammar.is_grammatical("les écoles vertes voient l' arbre .".split(), side="target")
    for wrong in ("la école", "l' porte", "les école", "les écoles verts"):
        assert not grammar.is_grammatical([*wrong.split(), "voient", "l'", "arbre", "."], side="target")
    assert {token for s in sample_many(grammar, 2000) for token in s.target} == set(grammar.vocabulary("target"))


def test_alignment_links_the_words_of_an_entry_and_marked_words():
    grammar = Grammar.parse(ENGLISH_FRENCH)
    sentences = sample_many(grammar, 400)
    negated = next(s for s in sentences if "not" in s.source and s.source[1] == "green")
    # the green owl does not see … / le hibou vert ne voit pas …
    assert negated.alignment[:7] == ((0, 0), (1, 2), (2, 1), (4, 3), (4, 5), (5, 4), (6, 6))
    marked = parse("start S\nS -> there~1 is~2 it~ ; / il~1 y~1 a~2 ;".replace(";", '";"'))
    assert marked.sample(np.random.default_rng(0)).alignment == ((0, 0), (0, 1), (1, 2), (3, 3))
    idiom = parse("start S\nS -> X~1 of X~2 / X~2 X~1\nlexicon X\n  ice_cream / glace; apple / pomme_de_terre")
    wanted = {("ice", "cream", "of", "apple"): ((0, 3), (1, 3), (3, 0), (3, 1), (3, 2))}
    drawn = {s.source: s.alignment for s in sample_many(idiom, 50)}
    assert drawn[("ice", "cream", "of", "apple")] == wanted[("ice", "cream", "of", "apple")]


def test_a_category_on_one_side_only_chooses_words_that_the_other_side_lacks():
    grammar = parse(
        """
        start NP
        feature gender: m f
        category N Art: gender
        NP -> N[gender] / Art[gender] N
        lexicon Art: / [m] [f]
          3 / un une
          1 / ce cette
        lexicon N
          [m] tea / thé; [f] school / école
        """
    )
    assert grammar.log_probability(["tea"]) == pytest.approx(math.log(0.5))
    assert grammar.log_probability(["un", "thé"], "target") == pytest.approx(math.log(3 / 8))
    assert {s.target for s in sample_many(grammar, 100, length=1)} == {
        (article, noun) for articles, noun in (("un ce", "thé"), ("une cette", "école")) for article in articles.split()
    }


def test_alternations_sum_over_the_words_behind_a_form():
    grammar = parse(
        """
        start S
        class vowel: a* é* h* except hibou
        class end: .
        S -> D N . / .
        2 D -> le / x
        1 D -> la / y
        1 D -> "l'" / z
        N -> arbre / tree
        N -> hibou / owl
        source le la -> l' before vowel
        source hibou -> HIBOU before end
        """.replace("S -> D N . / .", "S -> D N . / D N").replace("HIBOU", "chouette")
    )
    exact = {"l' arbre .": 1 / 2, "le chouette .": 1 / 4, "la chouette .": 1 / 8, "l' chouette .": 1 / 8}
    for text, probability in exact.items():
        assert grammar.log_probability(text.split()) == pytest.approx(math.log(probability), rel=1e-14)
    assert not any(text.split() in grammar for text in ("le arbre .", "le hibou .", "la arbre .", "l' arbre"))
    assert set(grammar.vocabulary()) == {"l'", "le", "la", "arbre", "hibou", "chouette", "."}
    assert {" ".join(s.source) for s in sample_many(grammar, 200)} == set(exact)


def test_another_start_conditions_the_grammar_on_its_features():
    text = """
        start S
        feature number: sg pl
        category S N: number
        S[number] -> N[number] swim
        N[sg] -> sheep
        N[pl] -> ducks
        N[sg] -> duck
        source duck -> drake
        """
    assert parse(text, start="S[pl]").log_probability(["ducks", "swim"]) == 0
    assert ["drake", "swim"] not in parse(text, start="S[pl]")
    assert parse(text).log_probability(["ducks", "swim"]) == pytest.approx(math.log(0.5))
    with pytest.raises(GrammarError, match=r"grammar: dual in \[dual\] is no feature or value of S"):
        parse(text, start="S[dual]")


def test_one_sided_grammar_has_empty_targets_and_quoted_words():
    grammar = parse(
        r"""
        start S           # a comment
        S -> "I" "\"" X "#" "/" "->"
        lexicon X
          a; "B-PER"; x-y; "3"
        """
    )
    assert grammar.sides == 1
    assert set(grammar.vocabulary()) == {"I", '"', "#", "/", "->", "a", "B-PER", "x-y", "3"}
    sentence = grammar.sample(np.random.default_rng(0))
    assert (sentence.target, sentence.alignment) == ((), ())
    assert sentence.log_probability == pytest.approx(-grammar.entropy)
    with pytest.raises(ValueError, match="side is 'target', but source is expected"):
        grammar.log_probability(["a"], side="target")


def test_recursion_without_a_word_on_the_target_is_refused_only_where_the_target_is_asked_for():
    grammar = parse("start S\n1 S -> very S / S\n1 S -> good / POS".replace("POS", '"POS"'))
    assert grammar.log_probability(["very", "good"]) == pytest.approx(math.log(1 / 4))
    with pytest.raises(GrammarError, match="line 2: S leads back to itself without a word on the target side"):
        grammar.log_probability(["POS"], side="target")


def test_arguments_are_checked():
    grammar = parse("start S\nS -> a b")
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="tokens is 'a b', but a list of strings is expected: split the text first"):
        grammar.log_probability("a b")
    with pytest.raises(TypeError, match=r"rng is 0, but a generator is expected: pass np\.random\.default_rng"):
        grammar.sample(0)
    with pytest.raises(ValueError, match="no sentence of 3 to 5 source tokens"):
        grammar.sample(rng, length=(3, 5))
    with pytest.raises(ValueError, match=r"length is \(5, 3\), but a number or \(low, high\)"):
        grammar.sample(rng, length=(5, 3))
    with pytest.raises(TypeError, match=r"length is 2\.0, but a whole number is expected"):
        grammar.sample(rng, length=2.0)
    assert grammar.log_probability([]) == -math.inf
    assert grammar.length_probability(-1) == grammar.count(-1) == 0


HEAD = "start S\nfeature number: sg pl\nfeature gender: m f\ncategory N V: number gender\n"
NOUN = HEAD.replace(" V", "")

MISTAKES = {
    "empty file": ("# nothing\n", None, "holds no rules: write at least one"),
    "no start": ("S -> a", None, "does not say what a sentence is: write a line such as start S"),
    "two starts": ("start S\nstart T\nS -> a", 2, "start is given in line 1 already"),
    "start undefined": ("start T\nS -> a", 1, "start T has no rule"),
    "undefined symbol": ("start S\nS -> Noun a\nNoum -> b", 2, r"Noun has no rule and no word \(did you mean Noum\?\)"),
    "capital word": ("start S\nS -> I", 2, 'put "I" in double quotes if it is a word'),
    "unused symbol": ("start S\nS -> a\nT -> b", 3, "T is never reached from the start"),
    "unused value": (HEAD + "S -> N[sg]\nN[sg] -> a\nN[pl] -> b\nV -> c", 7, "no rule asks for N with these features"),
    "declared only": (HEAD + "S -> N\nN -> a", 4, "category V has no rule and no word"),
    "zero weight": ("start S\n0 S -> a", 2, "weight is 0, but a number above 0 is expected"),
    "negative weight": ("start S\n-1.5 S -> a", 2, r"weight is -1\.5, but a number above 0"),
    "nan weight": ("start S\nnan S -> a", 2, "weight is nan, but a number above 0"),
    "weight of a value": ("feature a: x*0 y", 1, "weight is 0, but a number above 0"),
    "weight missing": ("start S\n2 S -> a\nS -> b", 3, "the weight is missing, but line 2 gives one"),
    "unknown value": (HEAD + "S -> N[plu]", 5, r"plu in \[plu\] is no feature or value of N .*has number, gender, sg"),
    "unknown value of a feature": (
        HEAD + "S -> N[number=sg|dual]",
        5,
        r"number=sg\|dual names no value; known are sg, pl",
    ),
    "no features": ("start S\nS -> N[sg]", 2, "N, which has none: write a line category N"),
    "unbound variable": (HEAD + "S -> N[number] a", 5, "variable number is unbound, as it occurs only once"),
    "misspelt value": (HEAD + "S -> N[number=sing]", 5, "variable sing is unbound"),
    "variable of two features": (HEAD + "S -> N[number=x] V[gender=x]\nN -> a\nV -> b", 5, "which differ in values"),
    "undeclared feature": ("category N: numbr", 1, "feature numbr is not declared above"),
    "late declaration": ("start S\nfeature f: x\nS -> N\ncategory N: f", 4, "N is used above its declaration"),
    "no word fits": (
        HEAD + "S -> N[sg] V[pl]\nN[sg] -> a\nV[sg] -> b",
        5,
        r"nothing matches V\[pl m\]: write a rule or a word",
    ),
    "never ends": ("start S\nS -> a\nS -> b T\nT -> c T", 4, "T never ends, as all its rules lead back to it"),
    "start never ends": ("start S\nS -> S a", 2, "S never ends"),
    "critical recursion": ("start S\nS -> S S\nS -> a", 2, "S leads to 1 of its kind at each step on average"),
    "hidden recursion": (
        "start S\nS -> T\n2 T -> a S S\n1 T -> a",
        2,
        r"S, T leads to .*\(the recursive rules are in lines 2, 3\)",
    ),
    "unit cycle": (
        "start S\n1 S -> T\n1 T -> S\n1 T -> a",
        2,
        "leads back to itself without a word on the source side",
    ),
    "empty recursion": ("start S\n1 S -> S T\n9 S -> a\n1 T ->\n1 T -> b", 2, "S leads back to itself without a word"),
    "mark on one side": ("start S\nS -> a~1 b / c", 2, "mark ~1 is on one side only"),
    "mark in a lexicon": ("start S\nS -> X / X\nlexicon X\n  a~1 / b~2", 4, "mark ~1 is on one side only"),
    "name twice": ("start S\nS -> X X / X", 2, "X comes twice on a side: tell them apart as X~1 and X~2"),
    "brackets twice": (HEAD + "S -> N[sg] / N[sg]", 5, "has brackets again: give features at the first mention only"),
    "unlinked": (
        "start S\nS -> X~1 / X~2\nX -> a / b",
        2,
        "X stands on the target side only, but line 3 gives it words on the source",
    ),
    "side missing": ("start S\nS -> X / X\nX -> a", 3, "here is one side, but line 2 has a / for two sides"),
    "duplicate": ("start S\n1 S -> a\n2 S -> a", 3, "a second time what line 2 says of S"),
    "duplicate by features": (NOUN + "S -> N\nN[sg] -> a\nN -> a", 7, r"what line 6 says of N\[sg m\]"),
    "too few cells": (
        NOUN + "S -> N\nlexicon N: [sg] [pl]\n  dog",
        7,
        "1 cells on the source side, but the lexicon has 2",
    ),
    "no column fits": (NOUN + "S -> N\nlexicon N: [m]\n  [m] a\n  [f] b", 8, "no column of the lexicon fits"),
    "entry without lexicon": ("start S\n  S -> a", 2, "is indented, but stands under no lexicon"),
    "open bracket": ("start S\nS -> N[sg", 2, r"'\[' has no partner"),
    "no rule": ("start S\nS = a", 2, "'S' starts no line that is known"),
    "reserved": ("start S\nS -> a - b", 2, "- is no word: write it in double quotes"),
    "no class": ("start S\nS -> a\nsource a -> an before vowel", 3, "class vowel is not declared above"),
    "no such word": ("start S\nS -> a\nsource the -> thee", 3, "the is no word of the source side"),
    "feature and value": ("feature a: x y\nfeature x: z", 2, "x is both a feature and a value"),
    "ambiguous value": ("feature a b: x y\ncategory N: a b\nS -> N[x]", 3, "x may be of a or b: write a=x"),
}


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_file_and_line(text, line, message):
    place = r"tiny\.grammar" if line is None else rf"tiny\.grammar, line {line}: "
    with pytest.raises(GrammarError, match=place + ".*" + message):
        Grammar.parse(text, name="tiny.grammar")


def test_files_may_have_windows_line_ends_and_a_byte_order_mark_but_must_be_utf8(tmp_path):
    path = tmp_path / "owls.grammar"
    path.write_bytes("\ufeff".encode() + ENGLISH_FRENCH.replace("\n", "\r\n").encode())
    assert sample_many(Grammar.load(path), 5) == sample_many(Grammar.parse(ENGLISH_FRENCH), 5)
    path.write_bytes(ENGLISH_FRENCH.encode("latin-1"))
    with pytest.raises(GrammarError, match=r"owls\.grammar is not UTF-8 \(byte \d+\): save it as UTF-8"):
        Grammar.load(path)


def test_sampling_is_the_same_in_every_process_and_needs_no_tensorflow(tmp_path):
    path = tmp_path / "owls.grammar"
    path.write_text(ENGLISH_FRENCH, encoding="utf-8")
    code = """if True:
        import sys
        import numpy as np
        from utils.datasets.grammar import Grammar
        grammar = Grammar.load(sys.argv[1])
        rng = np.random.default_rng(7)
        drawn = [grammar.sample(rng, length=length) for length in [None, (6, 9)] * 200]
        assert "tensorflow" not in sys.modules
        print(*[(s.source, s.target, s.alignment) for s in drawn], grammar.vocabulary("target"), sep="\\n")
    """
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code, path],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    # What was drawn when this test was written: data sets made from a seed must not change.
    assert hashlib.sha256(outputs[0].replace(b"\r", b"")).hexdigest()[:16] == "0fea0cb23635c170"


def test_examples_in_docstrings():
    results = doctest.testmod(model)
    assert results.attempted
    assert not results.failed
