"""What is remembered: the value that was worked out, at most as many as said, and never a stale one."""

from __future__ import annotations

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from models.decision.caches import MOST_BINS, BinCache, BoundedCache


@given(st.integers(1, 5), st.lists(st.integers(0, 9)))
def test_a_cache_never_holds_more_than_it_says_and_gives_what_would_be_worked_out(most, keys):
    cache = BoundedCache(most)
    for key in keys:
        assert cache.value(key, lambda key=key: key * key) == key * key
        assert 0 < len(cache) <= most


def test_a_value_is_worked_out_once_none_too():
    worked_out = []
    cache = BoundedCache(2)
    for _ in range(3):
        assert cache.value("nothing", lambda: worked_out.append(1)) is None
    assert worked_out == [1]


@given(st.sets(st.integers(0, 50), max_size=6), st.lists(st.integers(0, 60)))
def test_a_bin_is_the_number_of_edges_at_or_below_a_value(edges, values):
    edges = tuple(sorted(edges))
    bins = BinCache(edges)
    for value in values:
        assert bins[value] == bisect_right(edges, value)
    assert bins[None] == len(edges) + 1


def test_bins_are_bounded():
    bins = BinCache((3,))
    assert [bins[value] for value in range(2 * MOST_BINS)] == [0] * 3 + [1] * (2 * MOST_BINS - 3)
    assert len(bins) == MOST_BINS
