"""Trees: the deployed table is the learner's, whole, monotone, and safe where it never learned."""

from __future__ import annotations

import itertools
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_merchants

from alicredit.errors import AlicreditError
from alicredit.model import DefaultModel, load_model
from alicredit.model import trees as trees_module
from alicredit.model.inputs import read_inputs
from alicredit.model.learner import TrainingSet, dataset
from alicredit.model.parts import FINE
from alicredit.model.trees import hold_directions, reference_rows, tree_parameters, tree_parts
from alicredit.portable.boxes import boxes_of
from alicredit.portable.monotone import first_against
from alicredit.score import PointScale

SCALE = PointScale()


def training(X: pd.DataFrame, y: object, directions: dict[str, int]) -> tuple[object, TrainingSet]:
    inputs = read_inputs(X, directions)
    label = np.asarray(y, dtype=float)
    categories = inputs.category_positions
    ones = np.ones(len(label))
    data = TrainingSet(inputs.X, label, ones, inputs.directions, categories, np.arange(len(label)))
    return inputs, data


def boost(data: TrainingSet, rounds: int = 50, seed: int = 0) -> lgb.Booster:
    return lgb.train(tree_parameters(data, seed=seed, threads=1), dataset(data), rounds)


@pytest.fixture(scope="module")
def learned():
    X, y, _ = make_merchants(3000, seed=3)
    inputs, data = training(X, y, DIRECTIONS)
    boosters = [boost(data, seed=seed) for seed in (1, 2)]
    return inputs, data, boosters, tree_parts(boosters, inputs, data, scale=SCALE, seed=0)


def test_the_walk_of_whole_units_is_the_learner_to_rounding(learned) -> None:
    _, data, boosters, parts = learned
    raw = np.mean([each.predict(data.X, raw_score=True) for each in boosters], axis=0)
    apart = np.abs(parts.units(data.X) - FINE * (SCALE.offset - SCALE.factor * raw))
    trees = len(parts.trees.roots)
    assert trees == 100
    assert apart.max() <= 0.5 * trees + 1  # half a unit each
    assert apart.mean() <= trees**0.5  # which chance adds up to far less
    assert np.isnan(data.X).any()


def test_a_value_on_a_cut_goes_where_the_learner_sends_it(learned) -> None:
    _, data, boosters, parts = learned
    cuts = sorted(
        {c for c, f, v in zip(parts.trees.cut, parts.trees.feature, parts.trees.levels, strict=True)
         if f == 0 and not v}
    )  # fmt: skip
    rows = np.repeat(data.X[:1], 3 * len(cuts), axis=0)
    below, above = np.nextafter(cuts, -np.inf), np.nextafter(cuts, np.inf)
    rows[:, 0] = np.concatenate([cuts, below, above])
    raw = np.mean([each.predict(rows, raw_score=True) for each in boosters], axis=0)
    apart = np.abs(parts.units(rows) - FINE * (SCALE.offset - SCALE.factor * raw))
    assert apart.max() <= 0.5 * len(parts.trees.roots) + 1


def test_the_sum_is_monotone_in_each_directed_input_whatever_the_others(learned) -> None:
    inputs, data, _, parts = learned
    rng = np.random.default_rng(0)
    rows = data.X[rng.permutation(len(data.X))[:40]]
    for at, direction in enumerate(inputs.directions):
        if not direction:
            continue
        cuts = np.unique(
            [c for c, f in zip(parts.trees.cut, parts.trees.feature, strict=True) if f == at]
        )
        steps = np.append(cuts, cuts[-1] + 1)
        grid = np.repeat(rows, len(steps), axis=0)
        grid[:, at] = np.tile(steps, len(rows))
        units = parts.units(grid).reshape(len(rows), len(steps))
        assert (direction * np.diff(units, axis=1) <= 0).all()
        assert (np.diff(units, axis=1) != 0).any()


def every_value(trees, tables, at: int) -> list[float]:
    if tables[at].kind == "category":
        return [*range(len(tables[at].levels) + 1), np.nan]
    mine = sorted({c for c, f in zip(trees.cut, trees.feature, strict=True) if f == at})
    return [*mine, (mine[-1] if mine else 0.0) + 1, np.nan]


def breach(trees, tables) -> str | None:
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(tables) if t.kind == "category"}
    for root in trees.roots:
        leaves, boxes = zip(*boxes_of(trees, root, sizes), strict=True)
        found = first_against(np.array([trees.leaves[leaf] for leaf in leaves]), boxes, tables)
        if found:
            return found
    return None


def test_a_broken_promise_is_mended_and_verified(learned) -> None:
    inputs, data, _, parts = learned
    tables = parts.tables
    few = trees_module.tree_parts([boost(data, rounds=3)], inputs, data, scale=SCALE, seed=0).trees
    rng = np.random.default_rng(4)
    broken = replace(few, leaves=tuple(rng.integers(-500, 500, len(few.leaves)).tolist()))
    assert breach(broken, tables) is not None
    mended = hold_directions(broken, tables)
    assert breach(mended, tables) is None
    values = [every_value(few, tables, at) for at in range(len(tables))]
    rows = np.array(list(itertools.product(*values)), dtype=float)
    units = mended.look_up(rows).reshape([len(each) for each in values])
    for at, table in enumerate(tables):
        if table.direction:
            known = np.moveaxis(units, at, 0)[:-1]
            assert (table.direction * np.diff(known, axis=0) <= 0).all()


def test_mending_moves_leaves_no_further_than_must_be() -> None:
    """One tree of one input is a chain: half its deepest breach is the least largest move."""
    X, y, _ = make_merchants(3000, seed=3)
    inputs, data = training(X[["debt"]], y, {"debt": 1})
    parts = tree_parts([boost(data, rounds=1)], inputs, data, scale=SCALE, seed=0)
    trees, tables = parts.trees, parts.tables
    cuts = sorted(trees.cut)
    chain = [int(trees.look_up(np.array([[c]]))[0]) for c in [*cuts, cuts[-1] + 1]]
    assert chain == sorted(chain, reverse=True)
    rng = np.random.default_rng(5)
    for _ in range(20):
        leaves = rng.integers(-50, 50, len(trees.leaves))
        broken = replace(trees, leaves=tuple(leaves.tolist()))
        before = [int(broken.look_up(np.array([[c]]))[0]) for c in [*cuts, cuts[-1] + 1]]
        mended = hold_directions(broken, tables)
        after = [int(mended.look_up(np.array([[c]]))[0]) for c in [*cuts, cuts[-1] + 1]]
        deepest = max(max(b - a, 0) for a, b in itertools.combinations(before, 2))
        assert after == sorted(after, reverse=True)
        moved = max(abs(a - b) for a, b in zip(before, after, strict=True))
        assert moved == -(-deepest // 2)


def test_a_table_that_is_not_the_learner_is_refused(learned, monkeypatch) -> None:
    inputs, data, boosters, _ = learned
    monkeypatch.setattr(trees_module, "whole", lambda x: [int(v) + 90 for v in np.atleast_1d(x)])
    with pytest.raises(AlicreditError, match="table of trees"):
        tree_parts(boosters, inputs, data, scale=SCALE, seed=0)


def test_missing_that_training_never_had_goes_the_riskier_way() -> None:
    X, y, _ = make_merchants(2500, seed=6)
    inputs, data = training(X[["debt"]], y, {"debt": 1})
    parts = tree_parts([boost(data)], inputs, data, scale=SCALE, seed=0)
    units = parts.units(np.array([[np.nan], [0.0], [1e9]]))
    assert units[0] == units[2] < units[1]
    both, wide = training(X[["sales"]], y, {"sales": -1})
    learned_missing = tree_parts([boost(wide)], both, wide, scale=SCALE, seed=0)
    gone, worst = learned_missing.units(np.array([[np.nan], [0.0]]))
    assert gone > worst  # it was learned, and is not the worst there is


def test_other_levels_that_training_never_had_go_the_riskier_way() -> None:
    rng = np.random.default_rng(7)
    kind = rng.choice(["bad", "good", "mid"], 2000)
    y = (rng.random(2000) < pd.Series(kind).map({"bad": 0.6, "good": 0.05, "mid": 0.3})).to_numpy()
    inputs, data = training(pd.DataFrame({"kind": kind}), y, {})
    parts = tree_parts([boost(data)], inputs, data, scale=SCALE, seed=0)
    bad, good, mid, other = parts.units(np.arange(4.0)[:, None])
    assert other == bad < mid < good


def test_references_are_training_rows_at_most_64_and_follow_the_seed() -> None:
    X = np.arange(600.0).reshape(200, 3)
    rows = reference_rows(X, 0)
    assert len(rows) == 64
    assert len(set(rows)) == 64
    assert set(rows) <= {tuple(row) for row in X.tolist()}
    assert rows == reference_rows(X, 0)
    assert rows != reference_rows(X, 1)
    assert len(reference_rows(X[:10], 0)) == 10


def test_fitted_trees_score_alike_whole_alone_and_from_a_file(tmp_path) -> None:
    X, y, _ = make_merchants(1500, seed=8)
    model = DefaultModel("trees", directions=DIRECTIONS).fit(X, y)
    portable = model.portable_
    assert (portable.shape, portable.unit) == ("trees", FINE)
    assert not any(any((*t.points, t.missing_points)) for t in portable.tables)
    model.save(tmp_path / "trees.alicredit")
    again = load_model(tmp_path / "trees.alicredit")
    assert again.model_id == model.model_id
    pd_ = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(again.predict_proba(X)[:, 1], pd_)
    alone = [portable.score_one(row, reasons=0)["pd"] for row in X.iloc[:20].to_dict("records")]
    assert alone == pd_[:20].tolist()
    fresh = model.predict_proba(make_merchants(10_000, seed=18)[0])[:, 1].mean()
    assert fresh == pytest.approx(y.mean(), rel=0.02)  # the level is held where nothing was learned
    assert y.mean() < pd_.mean() < 1.06 * y.mean()  # rows learned from lie further apart


def test_an_input_of_no_use_is_left_out_of_the_trees() -> None:
    X, y, _ = make_merchants(1500, seed=9)
    X = X.assign(same=1.0)[["same", "debt", "sales"]]
    model = DefaultModel("trees", directions={"debt": 1}).fit(X, y)
    assert model.feature_names == ("debt", "sales")
    assert all(len(row) == 2 for row in model.portable_.trees.reference)
    changed = X.assign(same=7.0)
    assert model.predict_score(X).tolist() == model.predict_score(changed).tolist()
