"""Checks of lesson 00: how the course works."""

from collections.abc import Iterator

import numpy as np

from utils.checks.cases import Case, exercise


@exercise("0.1", "A first answer")
def double(rng: np.random.Generator) -> Iterator[Case]:
    """`double(x)` is twice `x`; the oracle adds."""
    hint = "Multiply `x` by 2 and `return` the product."
    square = "This is the square of `x`: `x ** 2`. Twice `x` is `2 * x`."
    unchanged = "`x` came back unchanged. Return `2 * x`."
    for name, x in (
        ("one number", np.float64(rng.integers(3, 9))),
        ("a negative number", np.float64(-rng.integers(3, 9))),
        ("an array", rng.integers(3, 9, size=(2, 3)).astype(float)),
    ):
        mistakes = {square: x * x, unchanged: x}
        yield Case(name, (x,), np.asarray(x + x), hint, mistakes)


@exercise("0.2", "Mean of each row")
def row_means(rng: np.random.Generator) -> Iterator[Case]:
    """`row_means(X)` has one mean per row; the oracle averages each row by itself."""
    hint = "Average over the columns: `axis=1` of an array of shape `(rows, columns)`."
    mistakes = {
        "axis": "You averaged over the rows (`axis=0`), which gives one number per column. The rows are axis 0, so "
        "to average *within* a row go along axis 1.",
        "all": "You averaged all numbers into one. Tell `np.mean` along which axis to go: `axis=1`.",
        "sum": "You added the numbers up without dividing by how many there are: use the mean, not the sum.",
        "keep": "The shape should be `(rows,)`, not `(rows, 1)`: leave out `keepdims=True`.",
        "rows": "You divided the sum by the number of rows. Each row has as many numbers as there are columns.",
    }
    for name, shape in (("a wide array", (2, 5)), ("a tall array", (5, 2)), ("a single row", (1, 4))):
        x = rng.normal(3, 1, size=shape).round(1)
        expected = np.array([sum(row) / len(row) for row in x])
        wrong = {
            mistakes["axis"]: x.mean(axis=0),
            mistakes["all"]: x.mean(),
            mistakes["sum"]: x.sum(axis=1),
            mistakes["keep"]: x.mean(axis=1, keepdims=True),
            mistakes["rows"]: x.sum(axis=1) / len(x),
        }
        yield Case(name, (x,), expected, hint, wrong)
