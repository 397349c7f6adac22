"""What rows are looked up by: ranks, grids, patterns of tests; each against its definition."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, SHAPES, Grower, draw_rows, encode, make_axis, make_model
from portable_stage import make_pair as draw_pair
from portable_stage import make_table as draw_table
from test_portable_scores import slow_leaf

from alicredit.portable import TreeTable
from alicredit.portable.axes import Axis
from alicredit.portable.batch import stored_pds_of
from alicredit.portable.blocks import reader_of
from alicredit.portable.contract import ROW_STATUSES, read_value
from alicredit.portable.grids import Grid, pack, plan_of, signed_kind
from alicredit.portable.handful import handful_of
from alicredit.portable.patterns import patterns_of

seeds = st.integers(0, 10**6)


def one_of_each_rank(axis: Axis) -> list[float]:
    """Give a value of each rank of an axis, the missing last."""
    if axis.levels is not None:
        return [*map(float, range(axis.levels + 1)), math.nan]
    ends = [-math.inf, *axis.cuts, math.inf]
    return [*(min(high, max(low + 0.25, -9e9)) for low, high in pairwise(ends)), math.nan]


@settings(max_examples=30, deadline=None)
@given(seed=seeds, cells=st.sampled_from([1, 2**16]))
def test_a_term_holds_what_its_part_gives_at_each_rank(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    tables = [draw_table(name, rng, spread=int(rng.integers(0, 3))) for name in KINDS]
    named = {table.name: table for table in tables}
    pairs = [
        draw_pair(named[a], named[b], rng, size=5) for a, b in (("debt", "kind"), ("age", "sales"))
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("alicredit.portable.grids._PAIR_CELLS", cells)
        plan = plan_of(tables, pairs)
    assert [at for at, _ in plan.tables] == [k for k, t in enumerate(tables) if not t.is_flat]
    for at, ((line,), units) in plan.tables:
        assert plan.axes[line].at == at
        values = one_of_each_rank(plan.axes[line])
        assert units.tolist() == [tables[at].point_at(value) for value in values]
    for at, ((i, j), units) in plan.pairs:
        pair = pairs[at]
        assert (plan.axes[i].at, plan.axes[j].at) == (
            list(KINDS).index(pair.first), list(KINDS).index(pair.second)
        )  # fmt: skip
        for a, row in zip(one_of_each_rank(plan.axes[i]), units.tolist(), strict=True):
            second = one_of_each_rank(plan.axes[j])
            assert row == [pair.look_up_one(a, b) for b in second]


def test_a_pair_too_fine_for_the_cuts_of_its_inputs_has_axes_of_its_own(monkeypatch) -> None:
    rng = np.random.default_rng(3)
    debt, sales = (draw_table(name, rng, spread=2) for name in ("debt", "sales"))
    pair = draw_pair(debt, sales, rng, size=4)
    shared = plan_of([debt, sales], [pair])
    assert len(shared.axes) == 2
    monkeypatch.setattr("alicredit.portable.grids._PAIR_CELLS", 1)
    own = plan_of([debt, sales], [replace(pair, first_cuts=(), values=(pair.values[0],) * 2)])
    assert [axis.cuts for axis in own.axes][2:3] == [()]


@pytest.mark.parametrize("shape", [(300, 300), (3, 5, 7), (256,), (40, 40, 45)])
def test_a_grid_is_an_array_looked_up_at_its_ranks(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(-9, 9, shape)
    lines = tuple(rng.permutation(len(shape)).tolist())
    ranks = [rng.integers(0, size, 400) for size in shape]
    held: list[np.ndarray] = [np.empty(0)] * len(shape)
    for line, each, size in zip(lines, ranks, shape, strict=True):
        held[line] = each.astype(np.uint8 if size <= 256 else np.uint16)
    before = [each.copy() for each in held]
    assert (Grid(lines, values).look_up(held) == values[tuple(ranks)]).all()
    for mine, was in zip(held, before, strict=True):
        assert (mine == was).all()


def test_terms_of_the_same_inputs_and_nothing_leave_few_grids() -> None:
    ones = np.ones(4, dtype=np.int64)
    nothing, both = np.zeros(4, dtype=np.int64), np.arange(16).reshape(4, 4)
    terms = [((0,), ones), ((0, 1), both), ((1,), ones), ((2,), nothing), ((0, 1), both)]
    found = pack(terms, base=7)
    assert [grid.lines for grid in found.grids] == [(0, 1)]
    assert (found.grids[0].values == 7 + 2 + 2 * both).all()
    assert pack([((2,), nothing)], base=-3).total([ones], 2).tolist() == [-3, -3]


def test_a_sum_never_leaves_its_type() -> None:
    for most in (0, 2**14 - 1, 2**14, 2**30 - 1, 2**30, 2**61):
        assert np.iinfo(signed_kind(most)).max >= 2 * most or most == 2**61


@settings(max_examples=40, deadline=None)
@given(seed=seeds, size=st.integers(1, 6), unit=st.sampled_from([1, 1000]))
def test_probabilities_are_straight_between_points_in_any_type_of_score(seed, size, unit) -> None:
    rng = np.random.default_rng(seed)
    pds = np.sort(rng.random(size))[::-1]
    lines = (pds * 0.9, pds, pds + (1 - pds) * 0.1)
    first = int(rng.integers(-5, 5))
    held = stored_pds_of(first, unit, lines)
    scores = np.arange((first - 1) * unit, (first + size + 1) * unit, max(unit // 7, 1))
    found = np.array(held.at(scores))
    for kind in (np.int16, np.int32):
        assert np.array(held.at(scores.astype(kind))).tobytes() == found.tobytes()
    points = scores / unit - first
    assert (np.isnan(found[1]) == ((points < 0) | (points > size - 1))).all()
    inside = ~np.isnan(found[1])
    for mine, line in zip(found, lines, strict=True):
        expected = np.interp(points[inside], np.arange(size), line)
        np.testing.assert_allclose(mine[inside], expected, rtol=1e-12)
    assert held.at(scores[:0])[1].tolist() == []


def passing(side, value: float) -> bool:
    """Tell by its definition whether a value passes a test."""
    known, gone = side
    if math.isnan(value):
        return gone
    return value in known if isinstance(known, frozenset) else known[0] < value <= known[1]


@pytest.mark.parametrize("cuts", [2, 30, 70, 300])
@settings(max_examples=6, deadline=None)
@given(seed=seeds)
def test_patterns_are_the_outcomes_of_tests(cuts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grower = Grower(rng, list(KINDS), keeps_directions=False)
    for _ in range(3):
        grower.tree(5, -50, 50)
    spread = np.unique(rng.normal(size=cuts)).tolist()
    for node in grower.nodes:
        if list(KINDS)[node[0]] in ("age", "debt"):
            node[1] = float(rng.choice(spread))
    for cut in spread:  # each cut has a node, so that ranks need their whole range
        node = len(grower.nodes)
        grower.nodes.append([2, cut, -len(grower.leaves) - 1, -len(grower.leaves) - 2, False, ()])
        grower.leaves += rng.integers(-9, 9, 2).tolist()
        grower.roots.append(node)
    trees = grower.table([[0.0] * len(KINDS)])
    rows = encode(make_model("points", 0), draw_rows(list(KINDS), 30, rng))
    rows[:, 2] = rng.choice([*spread, np.nan, 9.0, -9.0], 30)
    columns = list(rows.T.copy())
    patterns = patterns_of(trees)
    ranks = patterns.ranks(columns)
    wide = np.array(list(patterns.of(ranks)))
    (part, few), *rest = handful_of(patterns.asks).patterns(ranks)
    few = np.concatenate([few, *(each for _, each in rest)], axis=1)
    assert part.start == 0
    assert (wide == few).all()
    for group, found in zip(patterns.groups, wide, strict=True):
        for row, pattern in zip(rows, found.tolist(), strict=True):
            outcomes = [passing(side, row[at]) for at, side in group.tests]
            assert pattern == sum(1 << k for k, each in enumerate(outcomes) if each)
    expected = [sum(slow_leaf(trees, root, row) for root in trees.roots) for row in rows]
    assert trees.look_up(rows).tolist() == expected
    assert trees.look_up(np.tile(rows, (20, 1))).tolist() == expected * 20


def test_trees_without_a_node_are_a_constant_for_any_number_of_rows() -> None:
    trees = TreeTable((-1, -2), (), (), (), (), (), (), (9, -4), ((0.0, 0.0),))
    for rows in (0, 1, 1000):
        assert trees.look_up(np.zeros((rows, 2))).tolist() == [5] * rows


@settings(max_examples=20, deadline=None)
@given(seed=seeds, size=st.sampled_from([1, 6, 7, 8, 40]))
def test_blocks_hold_what_the_contract_reads(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    model = make_model("points", seed)
    X = draw_rows(model.feature_names, size, rng).astype(object)
    X.loc[rng.random(size) < 0.2, "debt"] = math.inf
    X.loc[rng.random(size) < 0.2, "flag"] = "yes"
    X.loc[rng.random(size) < 0.2, "sales"] = None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("alicredit.portable.axes.ROWS", 7)
        blocks = list(reader_of(model.tables, X).blocks())
    assert [block.rows.start for block in blocks] == list(range(0, size, 7))
    for block in blocks:
        part = X.iloc[block.rows]
        status = ["ok"] * len(part)
        for table, column, gone in zip(model.tables, block.columns, block.gone, strict=True):
            read = [read_value(table, value) for value in part[table.name]]
            status = [s if s != "ok" else word for s, (_, word) in zip(status, read, strict=True)]
            marks = np.isnan(column)
            assert (gone is None) == (not marks.any())
            assert gone is None or (gone == marks).all()
            for value, (mine, word) in zip(column.tolist(), read, strict=True):
                if word == "ok":
                    assert np.array(value).tobytes() == np.array(table.encode_one(mine)).tobytes()
        holes = np.array([each if each is not None else [False] * len(part) for each in block.gone])
        many = holes.sum(axis=0) > 0.75 * len(model.tables)
        status = [
            "too_many_missing" if full and s == "ok" else s
            for s, full in zip(status, many, strict=True)
        ]
        assert [ROW_STATUSES[each] for each in block.status] == status


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_reasons_ranked_by_keys_are_those_ranked_by_costs(shape: str) -> None:
    for seed in range(6):
        model = make_model(shape, seed)
        X = draw_rows(model.feature_names, 60, np.random.default_rng(seed))
        by_keys = model.score_frame(X, reasons=9)
        other = replace(model)
        vars(other)["ranking"] = None
        pd.testing.assert_frame_equal(other.score_frame(X, reasons=9), by_keys)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("top", [1, 2, 3, 4, 5, 9])
def test_lists_are_the_same_whether_made_of_twos_or_of_names(shape, top, monkeypatch) -> None:
    model = make_model(shape, 4)
    X = draw_rows(model.feature_names, 300, np.random.default_rng(4))
    found = model.score_frame(X, reasons=top)
    monkeypatch.setattr("alicredit.portable.ranking._PAIRED", 0)
    pd.testing.assert_frame_equal(model.score_frame(X, reasons=top), found)
    before = found["reasons"].tolist()
    again = model.score_frame(X, reasons=top)
    for codes in again["reasons"][again["status"] == "ok"]:
        codes.append("another")
    assert model.score_frame(X, reasons=top)["reasons"].tolist() == before


def test_an_axis_of_a_category_takes_each_level_to_its_group() -> None:
    rng = np.random.default_rng(5)
    kind = draw_table("kind", rng, spread=1)
    groups = make_axis(kind, rng)[1]
    axis = Axis(0, (), len(kind.levels))
    assert axis.steps((), groups).tolist() == [*groups, max(groups) + 1]
    assert axis.steps(()).tolist() == list(range(len(kind.levels) + 2))
