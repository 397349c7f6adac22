"""Every kernel against a plain loop over the events that a question sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alicredit.windows import exact, keyed, ordered, periods, sums
from alicredit.windows.grouped import (
    FOREVER,
    Block,
    Reach,
    find_slots,
    group_events,
    sort_questions,
)
from alicredit.windows.search import sort_places

DAY = 86_400_000_000
MERCHANTS = 5
ALL = 2  # the row after two columns counts all events
SETTINGS = settings(max_examples=40, deadline=None)


def _piece(block: Block, start: int, end: int) -> Block:
    return Block(block.merchant[start:end], [each[start:end] for each in block.columns])


class Stage:
    """Random events and questions; times are few, so that ties and edges are many."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n, q = int(rng.integers(0, 120)), int(rng.integers(1, 60))
        unit = int(rng.choice([DAY, DAY // 2, 3]))
        self.merchant = rng.integers(0, MERCHANTS, n).astype(np.int32)
        self.time = rng.integers(-20, 60, n) * unit
        lag = rng.integers(0, 20, n) * unit * (rng.random(n) < rng.choice([0, 0.2, 1]))
        self.since = self.time + lag
        ends = self.since + rng.integers(1, 30, n) * unit
        self.until = np.where(rng.random(n) < rng.choice([0.5, 1]), FOREVER, ends)
        self.who = rng.integers(0, MERCHANTS, q)
        self.as_of = rng.integers(-10, 80, q) * unit
        spans = np.sort(rng.choice(np.arange(1, 60), 3, replace=False))
        self.windows = np.array([[w * unit, 0] for w in spans] + [[2**60, 0]])
        self.value = np.where(
            rng.random(n) < 0.2, np.nan, rng.integers(-9, 9, n) * 10.0 ** rng.integers(0, 6)
        )
        self.whole = rng.integers(-(10**9), 10**9, n)
        self.key = np.where(rng.random(n) < 0.1, keyed.NO_KEY, rng.integers(0, 6, n))
        self.weight = rng.integers(0, 9, n)
        self.unit = unit
        self.questions = sort_questions(self.who, self.as_of, MERCHANTS)
        place = np.arange(n)
        block = Block(self.merchant, [self.time, place, self.since, self.until])
        cut = int(rng.integers(0, n + 1))  # read in two pieces
        blocks = [_piece(block, 0, cut), _piece(block, cut, n)]
        self.sides = group_events(blocks, MERCHANTS, is_timed=True)
        self.out = np.full((16, q), -1.0)

    def laid(self, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lay a column in the order of prompt and of late events."""
        picked = [column[..., side.columns[1]] for side in self.sides]
        return np.ascontiguousarray(picked[0]), np.ascontiguousarray(picked[1])

    @property
    def reach(self) -> Reach:
        return Reach(self.windows[:, 0].copy(), self.windows[:, 1].copy())

    def seen(self, row: int, window: int) -> np.ndarray:
        """Find the events in a window, by time and then as they came."""
        now = self.as_of[row]
        inside = (
            (self.merchant == self.who[row])
            & (self.time < now)
            & (self.time >= now - self.windows[window, 0])
            & (self.since < now)
            & (now <= self.until)
        )
        at = np.flatnonzero(inside)
        return at[np.argsort(self.time[at], kind="stable")]

    def check(self, out: int, window: int, truth) -> None:
        """Hold a row of answers to a plain function of the events seen."""
        wanted = [float(truth(self.seen(row, window), row)) for row in range(len(self.who))]
        np.testing.assert_allclose(self.out[out], wanted, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 2**31))
@SETTINGS
def test_what_adds_up(seed: int) -> None:
    stage = Stage(seed)
    known = (stage.whole % 3 > 0).astype(np.int64)
    whole = stage.whole * known
    window = seed % 4
    ops = [
        (sums.COUNT, window, -1, ALL, -1, 1, 0), (sums.SUM, window, 0, ALL, -1, 1, 1),
        (sums.MEAN, window, 0, 1, -1, 3, 2), (sums.STD, window, 0, 1, 0, 2, 3),
        (sums.SHARE, window, 1, ALL, -1, 2, 4), (sums.ACTIVE_DAYS, window, -1, ALL, -1, 1, 5),
        (sums.DAYS_SINCE, window, -1, ALL, -1, 1, 6),
        (sums.DAYS_SINCE_FIRST, window, -1, ALL, -1, 1, 7),
    ]  # fmt: skip
    parts = np.array(ops).T.copy()
    sums.add_up(
        stage.questions, stage.sides, stage.laid(np.vstack([whole, known])), stage.reach,
        sums.SumOps(*parts, np.full(len(ops), 100.0), np.array([0])), stage.out,
    )  # fmt: skip

    def measured(at: np.ndarray) -> np.ndarray:
        return stage.whole[at][known[at] == 1] / 100.0

    def enough(at: np.ndarray, least: int, value: float) -> float:
        return value if len(measured(at)) >= least else math.nan

    stage.check(0, window, lambda at, _: len(at))
    stage.check(1, window, lambda at, _: measured(at).sum())
    stage.check(
        2, window, lambda at, _: enough(at, 3, measured(at).sum() / max(len(measured(at)), 1))
    )
    stage.check(
        3, window, lambda at, _: np.std(measured(at), ddof=1) if len(measured(at)) > 1 else math.nan
    )
    stage.check(4, window, lambda at, _: known[at].mean() if len(at) >= 2 else math.nan)
    stage.check(5, window, lambda at, _: len(np.unique(stage.time[at] // DAY)))
    since = [(6, np.max), (7, np.min)]
    for out, end in since:
        stage.check(
            out, window,
            lambda at, row, end=end: (stage.as_of[row] - end(stage.time[at])) / DAY
            if len(at) else math.nan,
        )  # fmt: skip


@given(seed=st.integers(0, 2**31), weighted=st.booleans())
@SETTINGS
def test_keys(seed: int, weighted: bool) -> None:
    stage = Stage(seed)
    codes = range(6)
    windows = [seed % 4, (seed // 4) % 4]
    ops = sorted((w, code, 2, 6 * k + code) for k, w in enumerate(windows) for code in codes)
    none = np.empty(0, np.int64)
    window, code, support, out = np.array(ops).T.copy()
    keyed.count_keys(
        stage.questions, stage.sides, stage.laid(stage.key),
        stage.laid(stage.weight) if weighted else (none, none), stage.reach,
        keyed.KeyOps(code, window, support, out), stage.out,
    )  # fmt: skip

    def table(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = at[stage.key[at] != keyed.NO_KEY]
        keys, place = np.unique(stage.key[at], return_inverse=True)
        counts = np.bincount(place, minlength=len(keys))
        weights = np.bincount(place, weights=stage.weight[at], minlength=len(keys))
        return counts, weights if weighted else counts

    def of(code: int, at: np.ndarray) -> float:
        counts, weights = table(at)
        if code == keyed.DISTINCT:
            return len(counts)
        total = weights.sum()
        if counts.sum() < 2:
            return math.nan
        if code == keyed.REPEAT_SHARE:
            return (counts > 1).mean()
        if total == 0:
            return math.nan
        p = np.sort(weights)[::-1] / total
        if code == keyed.TOP_SHARE:
            return p[0]
        if code == keyed.TOP5_SHARE:
            return p[:5].sum()
        return (p**2).sum() if code == keyed.HHI else -(p[p > 0] * np.log(p[p > 0])).sum()

    for k, window in enumerate(windows):
        for code in codes:
            stage.check(6 * k + code, window, lambda at, _, code=code: of(code, at))


@given(seed=st.integers(0, 2**31))
@SETTINGS
def test_ends_and_quantiles(seed: int) -> None:
    stage = Stage(seed)
    window = seed % 4
    place = np.unique(stage.time, return_inverse=True)[1]  # equal times are repeats of a key
    ops = np.array([(code, window, 2, code) for code in range(4)]).T.copy()
    values = stage.laid(stage.value)
    ordered.take_ends(
        stage.questions, stage.sides, values, stage.laid(place), stage.reach,
        ordered.EndOps(*ops), stage.out,
    )  # fmt: skip
    shares = [0.0, 0.1, 0.5, 0.9, 1.0]
    ops = np.array([(window, 2, 4 + k) for k in range(len(shares))]).T.copy()
    ordered.take_quantiles(
        stage.questions, stage.sides, values, stage.reach,
        ordered.QuantileOps(*ops, np.array(shares)), stage.out,
    )  # fmt: skip

    def at_end(at: np.ndarray, end) -> np.ndarray:
        return stage.value[at][stage.time[at] == end(stage.time[at])]

    picks = [
        lambda at: stage.value[at].min(),
        lambda at: stage.value[at].max(),
        lambda at: at_end(at, np.min).min(),
        lambda at: at_end(at, np.max).max(),
    ]
    picks += [lambda at, p=p: np.quantile(stage.value[at], p) for p in shares]
    for out, pick in enumerate(picks):

        def truth(at: np.ndarray, _: int, pick=pick) -> float:
            known = at[~np.isnan(stage.value[at])]
            return pick(known) if len(known) >= 2 else math.nan

        stage.check(out, window, truth)


@given(seed=st.integers(0, 2**31), count=st.integers(2, 12))
@SETTINGS
def test_periods(seed: int, count: int) -> None:
    stage = Stage(seed)
    length = 3 * stage.unit
    ops = np.array([(code, 0, length, count, 2, code) for code in range(4)]).T.copy()
    periods.compare_periods(
        stage.questions, stage.sides, stage.laid(stage.whole.reshape(1, -1)),
        periods.PeriodOps(*ops, np.full(4, 100.0)), stage.out,
    )  # fmt: skip
    stage.windows = np.array([[length * count, 0]])

    def of(code: int, at: np.ndarray, row: int) -> float:
        if len(at) < 2:
            return math.nan
        edges = stage.as_of[row] - length * np.arange(count, -1, -1)
        where = np.searchsorted(edges, stage.time[at], side="right") - 1
        total = np.bincount(where, weights=stage.whole[at], minlength=count) / 100.0
        if code == periods.EMPTY_SHARE:
            return (total == 0).mean()
        if code == periods.SLOPE:
            return np.polyfit(np.arange(count), np.sign(total) * np.log1p(np.abs(total)), 1)[0]
        if total.sum() <= 0:
            return math.nan
        if code == periods.CV:
            return total.std(ddof=1) / total.mean()
        off = np.minimum(total - total.mean(), 0)
        return np.sqrt((off**2).mean()) / total.mean()

    for code in range(4):
        stage.check(code, 0, lambda at, row, code=code: of(code, at, row))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), max_size=60))
@SETTINGS
def test_grouping_is_a_stable_sort(rows: list[tuple[int, int]]) -> None:
    merchant = np.array([m for m, _ in rows], np.int32)
    time = np.array([t for _, t in rows], np.int64)
    prompt, late = group_events([Block(merchant, [time, np.arange(len(time))])], 4)
    np.testing.assert_array_equal(prompt.columns[1], np.lexsort((time, merchant)))
    np.testing.assert_array_equal(prompt.time, time[np.lexsort((time, merchant))])
    np.testing.assert_array_equal(np.diff(prompt.start), np.bincount(merchant, minlength=4))
    assert len(late.time) == 0


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-5, 5)), max_size=60), st.booleans())
@SETTINGS
def test_nobodys_events_are_left_out_and_windows_ahead_look_at_all(
    rows: list[tuple[int, int]], is_ahead: bool
) -> None:
    merchant = np.array([m for m, _ in rows], np.int32)
    time = np.array([t for _, t in rows], np.int64)
    sides = group_events([Block(merchant, [time, np.arange(len(time))])], 4, is_ahead=is_ahead)
    held, other = (sides.late, sides.prompt) if is_ahead else (sides.prompt, sides.late)
    order = np.lexsort((time, merchant))
    np.testing.assert_array_equal(held.columns[1], order[merchant[order] >= 0])
    assert len(other.time) == 0
    if is_ahead:
        np.testing.assert_array_equal(held.since, held.time)
        assert (held.until == FOREVER).all()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), st.integers(-9, 9))
@SETTINGS
def test_only_identifiers_of_the_table_are_found(ids: list[int], low: int) -> None:
    table = np.array([4, -1, 2], np.int32)
    found = find_slots(np.array([*ids, low, low + 2], np.int64), low, table)
    known = {low: 4, low + 1: -1, low + 2: 2}
    assert found.tolist() == [known.get(each, -1) for each in [*ids, low, low + 2]]


@given(st.lists(st.integers(-4, 4) | st.floats(-4, 4), max_size=90))
@example(list(range(70, 0, -1)))
@SETTINGS
def test_places_are_found_in_the_order_of_values_and_ties_as_they_came(values) -> None:
    given_, order, room = np.array(values, float), *np.empty((2, len(values) + 3), np.int64)
    sort_places(given_, order, room, len(values))
    wanted = np.argsort(given_, kind="stable")
    np.testing.assert_array_equal(order[: len(values)], wanted)


@pytest.mark.parametrize("size", [17, 700])
def test_many_keys_and_values_of_one_merchant(size: int) -> None:
    rng = np.random.default_rng(size)
    weight, time = rng.integers(1, 10**6, size), np.arange(size)
    sides = group_events([Block(np.zeros(size, np.int32), [time, time])], 1)
    questions = sort_questions(np.zeros(1, np.int64), np.array([size]), 1)
    reach, out = Reach(np.array([2**60]), np.array([0])), np.full((2, 1), -1.0)
    none, one = np.empty(0, np.int64), np.zeros(1, np.int64)
    keyed.count_keys(
        questions, sides, (rng.permutation(size), none), (weight, none), reach,
        keyed.KeyOps(one + keyed.ENTROPY, one, one, one + 1), out,
    )  # fmt: skip
    values = rng.normal(size=size).round(1)
    ordered.take_quantiles(
        questions, sides, (values, np.empty(0)), reach,
        ordered.QuantileOps(one, one, one, np.array([0.3])), out,
    )  # fmt: skip
    share = weight / weight.sum()
    wanted = [np.quantile(values, 0.3), -(share * np.log(share)).sum()]
    np.testing.assert_allclose(out[:, 0], wanted, rtol=1e-9)


@pytest.mark.parametrize("size", [3000])
def test_a_log_out_of_order_is_sorted_too(size: int) -> None:
    time = np.arange(size, 0, -1) // 3
    prompt, _ = group_events([Block(np.zeros(size, np.int32), [time, np.arange(size)])], 1)
    np.testing.assert_array_equal(prompt.columns[1], np.argsort(time, kind="stable"))


WHOLE = st.floats(-1e13, 1e13, allow_nan=False)


@given(st.lists(st.one_of(WHOLE, st.just(math.nan), st.just(math.inf)), max_size=20))
@SETTINGS
def test_whole_numbers_are_rounded_half_away_from_zero(values: list[float]) -> None:
    found = np.empty(len(values), np.int64)
    largest = exact.to_whole(np.array(values, float), 100, found)
    for value, whole in zip(values, found, strict=True):
        if not abs(value) <= 1e13:
            assert whole == 0
        else:
            scaled = value * 100
            assert whole == int(math.copysign(math.floor(abs(scaled) + 0.5), scaled)) or (
                abs(scaled) > 2**52 or abs(scaled) == 0.49999999999999994
            )
    assert largest == max((abs(int(each)) for each in found), default=0)


def test_a_number_too_wide_for_sums_says_so() -> None:
    assert exact.to_whole(np.array([1e13]), 10**9, np.empty(1, np.int64)) == 2**62


@given(st.lists(st.integers(-(2**61), 2**61), min_size=2, max_size=9))
@SETTINGS
def test_spreads_of_the_largest_values_are_exact(values: list[int]) -> None:
    shift = np.array(values) // (2 * len(values))
    questions = sort_questions(np.zeros(1, np.int64), np.array([10]), 1)
    n = len(values)
    columns = np.vstack((np.arange(n) % 10, shift))
    sides = group_events([Block(np.zeros(n, np.int32), list(columns))], 1)
    out = np.empty((1, 1))
    ops = np.array([(sums.STD, 0, 0, 1, 0, 2, 0)]).T.copy()
    sums.add_up(
        questions, sides, (sides.prompt.columns[1:].copy(), np.empty((1, 0), np.int64)),
        Reach(np.array([2**60]), np.array([0])),
        sums.SumOps(*ops, np.array([1.0]), np.array([0])), out,
    )  # fmt: skip
    exactly = [int(each) for each in shift]
    spread = n * sum(x * x for x in exactly) - sum(exactly) ** 2
    assert out[0, 0] == pytest.approx(math.sqrt(spread / (n * (n - 1))), rel=1e-12)
