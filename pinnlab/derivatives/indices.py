"""Combinatorics of derivatives: downward-closed sets of multi-indices, Leibniz and Faa di Bruno tables.

A multi-index is the sorted tuple of the coordinate numbers one differentiates by: ``(0, 0, 1)`` is d3/dx0 dx0 dx1.
An ``Indices`` tuple lists multi-indices, each after all of its sub-indices, ``()`` (the value) first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations

Index = tuple[int, ...]
Indices = tuple[Index, ...]
VALUE: Indices = ((),)


def closure(indices: Iterable[Index]) -> Indices:
    """The smallest downward-closed set that holds ``indices``, by order, then by coordinate."""
    found: set[Index] = {()}
    for index in indices:
        index = tuple(sorted(index))
        for order in range(len(index) + 1):
            found.update(combinations(index, order))
    return tuple(sorted(found, key=lambda i: (len(i), i)))


@lru_cache(maxsize=512)
def leibniz(indices: Indices) -> tuple[tuple[tuple[float, int, int], ...], ...]:
    """Per multi-index, the terms (coefficient, position of the left factor's, position of the right factor's)."""
    where = {index: i for i, index in enumerate(indices)}
    table = []
    for index in indices:
        terms: Counter[tuple[int, int]] = Counter()
        for left, right in _splits(index):
            terms[where[left], where[right]] += 1
        table.append(tuple((float(c), i, j) for (i, j), c in sorted(terms.items())))
    return tuple(table)


@lru_cache(maxsize=512)
def faa_di_bruno(indices: Indices) -> tuple[tuple[tuple[float, tuple[int, ...]], ...], ...]:
    """Per multi-index, the terms (coefficient, positions of the inner derivatives) of d^index f(a).

    A term with k positions is multiplied by the k-th derivative of f. The first entry (the value) has no terms.
    """
    where = {index: i for i, index in enumerate(indices)}
    table = []
    for index in indices:
        terms: Counter[tuple[int, ...]] = Counter()
        for partition in _set_partitions(list(index)):
            terms[tuple(sorted(where[tuple(sorted(block))] for block in partition))] += 1
        table.append(tuple((float(c), blocks) for blocks, c in sorted(terms.items())) if index else ())
    return tuple(table)


def _splits(index: Index) -> Iterator[tuple[Index, Index]]:
    for chosen in range(2 ** len(index)):
        yield (
            tuple(c for i, c in enumerate(index) if chosen >> i & 1),
            tuple(c for i, c in enumerate(index) if not chosen >> i & 1),
        )


def _set_partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for partition in _set_partitions(rest):
        yield [[first], *partition]
        for i, block in enumerate(partition):
            yield [*partition[:i], [first, *block], *partition[i + 1 :]]


def used_indices(keys: Mapping[str, frozenset[tuple[str, ...]]], coordinates: tuple[str, ...]) -> Indices:
    """The downward-closed set of all derivatives that any unknown needs."""
    return closure(tuple(coordinates.index(c) for c in key) for found in keys.values() for key in found)
