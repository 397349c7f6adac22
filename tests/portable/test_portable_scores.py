"""One score: the same for a frame, one row, any order; its probability is strict and straight."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, SHAPES, Grower, draw_rows, encode, finish, make_model, make_table

from alicredit.errors import InputError
from alicredit.portable import PairTable, ScoreModel, TreeTable

seeds = st.integers(0, 10**6)


def slow_step(cuts, groups, value: float) -> int:
    """Place a value on an axis by counting, apart from the library."""
    if math.isnan(value):
        return max(groups) + 1 if groups else len(cuts) + 1
    return groups[int(value)] if groups else sum(value > cut for cut in cuts)


def slow_leaf(trees: TreeTable, at: int, row) -> int:
    """Walk a tree by recursion."""
    if at < 0:
        return trees.leaves[-1 - at]
    value = row[trees.feature[at]]
    if math.isnan(value):
        side = trees.missing_left[at]
    elif len(trees.levels[at]):
        side = value in trees.levels[at]
    else:
        side = not value > trees.cut[at]
    return slow_leaf(trees, (trees.right[at], trees.left[at])[side], row)


def slow_score(model: ScoreModel, row) -> int:
    """Add the parts of one encoded row up by their definitions."""
    total, at = model.base, {table.name: k for k, table in enumerate(model.tables)}
    for table, value in zip(model.tables, row, strict=True):
        groups = tuple(range(len(table.levels) + 1)) if table.kind == "category" else ()
        total += [*table.points, table.missing_points][slow_step(table.cuts, groups, value)]
    for pair in model.pairs:
        i = slow_step(pair.first_cuts, pair.first_groups, row[at[pair.first]])
        j = slow_step(pair.second_cuts, pair.second_groups, row[at[pair.second]])
        total += pair.values[i][j]
    if model.trees is not None:
        total += sum(slow_leaf(model.trees, root, row) for root in model.trees.roots)
    return total


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(seed=seeds, unit=st.sampled_from([1, 1000]))
def test_scores_are_the_sum_of_their_parts(shape: str, seed: int, unit: int) -> None:
    model = make_model(shape, seed, unit=unit)
    X = draw_rows(model.feature_names, 40, np.random.default_rng(seed))
    X = X[X.isna().sum(axis=1) < 3]
    expected = [slow_score(model, row) for row in encode(model, X)]
    assert model.predict_score(X).tolist() == expected
    assert model.shape == shape


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_a_frame_and_its_rows_one_by_one_agree_to_the_bit(shape: str, seed: int) -> None:
    model = make_model(shape, seed)
    rng = np.random.default_rng(seed)
    X = draw_rows(model.feature_names, 30, rng).astype(object)
    X.loc[0, "debt"] = "text"
    X.loc[1, "sales"] = np.inf
    whole = model.score_frame(X)
    ones = [model.score_one(row) for row in X.to_dict("records")]
    for key in ("status", "reasons", "flags"):
        assert whole[key].tolist() == [one[key] for one in ones]
    for key in ("pd", "pd_lower", "pd_upper"):
        assert np.array(whole[key]).tobytes() == np.array([one[key] for one in ones]).tobytes()
    scores = [None if pd.isna(each) else int(each) for each in whole["score"]]
    assert scores == [one["score"] for one in ones]
    order = rng.permutation(len(X))
    pd.testing.assert_frame_equal(model.score_frame(X.iloc[order]), whole.iloc[order])
    assert whole.loc[:1, "status"].tolist() == ["bad_type", "bad_value"]
    assert all(len(codes) <= 4 for codes in whole["reasons"])


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_of_rows_change_nothing(shape: str, monkeypatch) -> None:
    model = make_model(shape, 3)
    X = draw_rows(model.feature_names, 200, np.random.default_rng(4))
    whole = model.score_frame(X)
    for where, size in (("axes.ROWS", 7), ("reasons._ROWS", 7)):
        monkeypatch.setattr(f"alicredit.portable.{where}", size)
    pd.testing.assert_frame_equal(replace(model).score_frame(X), whole)


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_probability_falls_with_every_unit_and_is_straight_between_points(shape, unit) -> None:
    model = make_model(shape, 11, unit=unit, trees=2)
    first = model.first_score * unit
    scores = np.arange(first, first + (len(model.pds) - 1) * unit + 1)
    lower, p, upper = model.probabilities(scores)
    assert (np.diff(p) < 0).all()
    assert (np.diff(lower) <= 0).all()
    assert (np.diff(upper) <= 0).all()
    assert ((lower > 0) & (lower <= p) & (p <= upper) & (upper < 1)).all()
    assert p[::unit].tolist() == list(model.pds)
    assert lower[::unit].tolist() == list(model.lowers)
    assert upper[::unit].tolist() == list(model.uppers)
    straight = np.interp(scores / unit, scores[::unit] / unit, model.pds)
    np.testing.assert_allclose(p, straight, rtol=1e-12)
    some = scores[:: max(1, len(scores) // 97)]
    each = np.array([model.probability(int(score)) for score in some])
    assert np.column_stack(model.probabilities(some)).tobytes() == each.tobytes()


def test_probabilities_near_one_and_near_nought_still_fall() -> None:
    model = make_model("trees", 5)
    for base in (-9000, 9000):
        far = finish(model.tables, unit=1000, base=base, trees=model.trees)
        first = far.first_score * 1000
        p = far.probabilities(np.arange(first, first + 5000))[1]
        assert (np.diff(p) < 0).all()
        assert ((p > 0) & (p < 1)).all()


def test_a_score_out_of_reach_has_no_probability() -> None:
    model = make_model("trees", 2)
    first, last = model.first_score * 1000, (model.first_score + len(model.pds) - 1) * 1000
    lower, p, upper = model.probabilities(np.array([first - 1, first, last, last + 1]))
    for each in (lower, p, upper):
        assert np.isnan(each).tolist() == [True, False, False, True]


def test_values_one_double_apart_part_at_a_cut() -> None:
    cut = 0.1 + 0.2
    pair = PairTable("debt", "age", (cut,), (), (), (), ((1, 0), (2, 0), (9, 9)), 0)
    trees = TreeTable((0,), (0,), (cut,), (-1,), (-2,), (False,), ((),), (5, 7), ())
    for value, at in ((cut, 0), (np.nextafter(cut, 1), 1), (np.nextafter(cut, 0), 0)):
        assert pair.look_up_one(value, 0.0) == pair.look_up(np.array([value]), np.zeros(1))[0]
        assert pair.look_up_one(value, 0.0) == (1, 2)[at]
        assert trees.look_up_one((value,)) == trees.look_up(np.array([[value]]))[0] == (5, 7)[at]


def test_a_tree_of_one_leaf_and_no_rows() -> None:
    trees = TreeTable((-1, -2), (), (), (), (), (), (), (4, 5), ((0.0,),))
    assert trees.look_up(np.zeros((3, 1))).tolist() == [9, 9, 9]
    assert trees.look_up_one((0.0,)) == 9
    assert trees.reach() == (9, 9)
    assert make_model("trees", 0).trees.look_up(np.empty((0, 5))).tolist() == []


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_scores_stay_within_the_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grower = Grower(rng, ["debt", "flag"])
    grower.tree(3)
    trees = grower.table([(0.0, 0.0)])
    grid = [(x, f) for x in [*np.arange(-5, 5, 0.5), np.nan] for f in (0.0, 1.0, np.nan)]
    worth = trees.look_up(np.array(grid))
    low, high = trees.reach()
    assert low <= worth.min() <= worth.max() <= high
    assert {low, high} <= set(trees.leaves)


def booster_trees(booster: lgb.Booster, unit: float) -> TreeTable:
    """Read a booster's own dump into flat tuples, leaves to whole units."""
    nodes, leaves = [], []

    def add(node) -> int:
        if "leaf_value" in node:
            leaves.append(round(node["leaf_value"] * unit))
            return -len(leaves)
        at = len(nodes)
        levels = ()
        cut = node["threshold"]
        if node["decision_type"] == "==":
            levels, cut = tuple(int(k) for k in cut.split("||")), 0.0
        goes_left = node["default_left"] if not levels else False
        nodes.append([node["split_feature"], cut, 0, 0, goes_left, levels])
        nodes[at][2], nodes[at][3] = add(node["left_child"]), add(node["right_child"])
        return at

    roots = [add(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    columns = [tuple(each) for each in zip(*nodes, strict=True)]
    return TreeTable(tuple(roots), *columns, tuple(leaves), ((0.0,) * 4,))


def test_trees_of_a_booster_are_walked_as_the_booster_walks_them() -> None:
    rng = np.random.default_rng(8)
    X = rng.normal(size=(3000, 4))
    X[:, 3] = rng.integers(0, 6, 3000)
    y = (X[:, 0] * X[:, 1] + (X[:, 3] == 2) + rng.normal(size=3000) > 0).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    data = lgb.Dataset(X, y, categorical_feature=[3])
    options = {"objective": "binary", "num_leaves": 15, "verbose": -1, "num_threads": 1}
    booster = lgb.train(options | {"min_data_per_group": 5}, data, 30)
    leaves = booster.predict(X, pred_leaf=True)
    trees = booster_trees(booster, 1e7)
    assert any(trees.levels)
    # The dump numbers leaves in its own order: worth is compared, leaf by leaf of each tree.
    values = np.array([
        [booster.get_leaf_output(tree, leaf) for tree, leaf in enumerate(row)] for row in leaves
    ])  # fmt: skip
    expected = np.rint(values * 1e7).astype(np.int64).sum(axis=1)
    assert trees.look_up(X).tolist() == expected.tolist()
    assert [trees.look_up_one(row) for row in X[:300]] == expected[:300].tolist()


def test_what_is_worked_out_is_not_carried_along() -> None:
    model = make_model("trees", 1)
    X = draw_rows(model.feature_names, 5, np.random.default_rng(0))
    before = pickle.dumps(model)
    scored = model.score_frame(X)
    assert pickle.dumps(model) == before
    again = pickle.loads(before)  # noqa: S301
    assert again == model
    pd.testing.assert_frame_equal(again.score_frame(X), scored)


def test_the_shape_is_what_the_model_holds() -> None:
    assert [make_model(shape, 0).shape for shape in SHAPES] == list(SHAPES)
    rng = np.random.default_rng(0)
    tables = [make_table(name, rng, spread=1) for name in KINDS]
    assert finish(tables, unit=1000).shape == "points"


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_no_count_of_reasons_or_no_row_is_refused(shape: str) -> None:
    model = make_model(shape, 0)
    frame = draw_rows(list(KINDS), 5, np.random.default_rng(0))
    row = frame.iloc[0].to_dict()
    for wrong in ("4", 1.5, -1, None):
        with pytest.raises(InputError, match="reasons must be"):
            model.score_frame(frame, reasons=wrong)
        with pytest.raises(InputError, match="reasons must be"):
            model.score_one(row, reasons=wrong)
    with pytest.raises(InputError, match="top must be"):
        model.explain(frame, top="a")
    with pytest.raises(InputError, match="values must map"):
        model.score_one(None)
