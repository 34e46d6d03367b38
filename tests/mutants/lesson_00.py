"""Lesson 00."""

import numpy as np

from mutants import alternative, mutant


@mutant("0.1", hint="square of `x`")
def squares(x):
    return x**2


@mutant("0.1", hint="came back unchanged")
def unchanged(x):
    return x


@mutant("0.1", hint="Multiply `x` by 2")
def adds_two(x):
    return x + 2


@alternative("0.1")
def adds(x):
    return x + x


@mutant("0.2", hint="one number per column")
def column_means(X):
    return X.mean(axis=0)


@mutant("0.2", hint="all numbers into one")
def grand_mean(X):
    return np.mean(X)


@mutant("0.2", hint="without dividing")
def row_sums(X):
    return X.sum(axis=1)


@mutant("0.2", hint="number of rows")
def divides_by_the_rows(X):
    return X.sum(axis=1) / len(X)


@mutant("0.2", hint="`np.array(...)`")
def row_means_in_a_list(X):
    return [row.mean() for row in X]


@mutant("0.2", hint="keepdims")
def row_means_as_a_column(X):
    return X.mean(axis=1, keepdims=True)


@mutant("0.2", hint="Average over the columns")
def middle_of_each_row(X):
    return X[:, X.shape[1] // 2]


@alternative("0.2")
def with_a_loop(X):
    return np.array([sum(row) / len(row) for row in X])


@alternative("0.2")
def as_a_product(X):
    return X @ np.full(X.shape[1], 1 / X.shape[1])
