"""Weighted synchronous grammars with features, in text files that a linguist can read and edit.

One derivation yields two token sequences, for instance English and French or words and tags, and the links
between their words. A grammar with one side is the special case. A small file:

    start S
    feature number: sg*2 pl
    feature gender: m f
    feature form: finite base
    category NP Nbar N Adj Det: number gender
    category V: number form
    category Do: number
    class vowel: a* é* h* except hibou hiboux
    target le la -> l' before vowel
    target ne -> n' before vowel

    3 S -> NP[number] V[number finite] NP~2 .                  / NP V NP~2 .
    1 S -> NP[number] Do[number] not~1 V[number base] NP~2 .   / NP ne~1 V pas~1 NP~2 .
    NP[number gender] -> Det[number gender] Nbar[number gender] / Det Nbar
    2 Nbar[number gender] -> N[number gender]                  / N
    1 Nbar[number gender] -> Adj[number gender] N[number gender] / N Adj

    lexicon Do: [sg] [pl] /
      does do
    lexicon Det: [] / [m sg] [f sg] []
      the / le la les
    lexicon N: [sg] [pl] / [sg] [pl]
      3 [m] owl    owls    / hibou hiboux
        [m] tree   trees   / arbre arbres
        [f] school schools / école écoles; [f] door doors / porte portes
    lexicon Adj: [] / [m sg] [f sg] [m pl] [f pl]
      green / vert verte verts vertes
    lexicon V: [finite sg] [] / [sg] [pl]
      sees see / voit voient; likes like / aime aiment

Lines, in any order as long as names are declared above their first use; `#` starts a comment:

- `start S` or `start S[sg]`: the category of a whole sentence.
- `feature NAMES: VALUES`: finite features; `sg*3` weighs a value for free choices (otherwise 1).
- `category NAMES: FEATURES`: what these categories agree in. A category without features needs no such line.
- `WEIGHT LEFT -> SOURCE / TARGET`: a rule. Capitalised names are categories, all else are words; a word with a
  capital or a reserved sign goes in double quotes. Weights are left out in all rules of a category (equal
  weights) or in none. A side may be empty. A one-sided grammar has no `/` at all.
- In brackets: `sg` or `number=sg` a value, `first|second` one of several, `number` or `number=n` a variable,
  equal wherever the rule repeats it. A feature that is left out takes any value.
- Categories of the same name on both sides are linked; where a name comes twice on a side, `NP~1` and `NP~2`
  tell them apart. Brackets stand at the first mention. A category on one side only may have no words on the
  other, so that French can choose an article that English lacks.
- All words of a rule, or of a lexicon's entry, are aligned with all its words on the other side; words with
  a mark (`not~1`) only with words of the same mark, a bare `~` with none.
- `lexicon CATEGORY: COLUMNS / COLUMNS`, then indented entries `WEIGHT [FEATURES] CELLS / CELLS`, several on a
  line if divided by `;`. Each column says for which features its form stands; the first that fits counts, so
  a last `[]` means "otherwise". `_` joins words (`ice_cream`), `-` means that there is no such form. Without
  columns there is one cell a side. Weight is 1 where it is not given.
- `class NAME: PATTERNS except WORDS`, patterns being words or beginnings (`a*`), and
  `source WORDS -> FORM before CLASS` or `target …`: the words take that form where the *next token as it
  finally stands* belongs to the class; the first line that fits counts, and without `before` it always fits.
  A form replaces one token by one token, so alignments and lengths do not change. Contractions (de + le)
  are rules of the grammar, not of its surface.

Probabilities: features are expanded into a plain synchronous context-free grammar, in which the weights of
each left-hand side *with its features* are normalised to 1. A rule keeps its weight however many expansions
it has: variables that are not on its left, and features left out on its right, choose among the values that
can be completed, in proportion to the values' weights.
"""

from utils.datasets.grammar.model import Grammar, Sentence
from utils.datasets.grammar.written import GrammarError

__all__ = ["Grammar", "GrammarError", "Sentence"]
