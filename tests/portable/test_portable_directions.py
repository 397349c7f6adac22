"""Directions are verified on the final tables, pairs and trees: against every value there is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, LEVELS, Grower, finish, make_model, make_table

from alicredit.errors import ModelFileError
from alicredit.portable import PairTable, ScoreModel, TreeTable
from alicredit.portable.boxes import boxes_of
from alicredit.portable.monotone import falls, first_against, is_sum_monotone

NAMES = list(KINDS)
seeds = st.integers(0, 10**6)


def is_monotone(score, values, at: int, direction: int) -> bool:
    """Try every value of one input in order, whatever the others are."""
    others = [each for k, each in enumerate(values) if k != at]
    own = [value for value in values[at] if value == value]
    for rest in itertools.product(*others):
        scores = [score((*rest[:at], value, *rest[at:])) for value in own]
        if any(direction * (b - a) > 0 for a, b in itertools.pairwise(scores)):
            return False
    return True


def places(cuts) -> list[float]:
    """Give a value in each step between cuts, and a missing one."""
    edges = sorted(set(cuts))
    return [*edges, edges[-1] + 1 if edges else 0.0, np.nan]


def draw_sum(seed: int):
    """Draw a directed table whose steps are small against those of its two pairs."""
    rng = np.random.default_rng(seed)
    table = make_table("debt", rng, spread=int(rng.integers(1, 5)))
    pairs = []
    for other in ("sales", "age"):
        cuts = tuple(sorted(rng.choice(table.cuts, rng.integers(0, 2), replace=False).tolist()))
        away = (0.0,) if rng.random() < 0.7 else ()
        values = rng.integers(-4, 5, (len(cuts) + 2, len(away) + 2))
        if rng.random() < 0.5:
            values[:-1] = -np.sort(-values[:-1], axis=0)
        grid = tuple(map(tuple, values.tolist()))
        pair = PairTable("debt", other, cuts, away, (), (), grid, int(values[0, 0]))
        if rng.random() < 0.5:
            turned = tuple(map(tuple, values.T.tolist()))
            pair = PairTable(other, "debt", away, cuts, (), (), turned, int(values[0, 0]))
        pairs.append(pair)
    return table, pairs


@settings(max_examples=150, deadline=None)
@given(seed=seeds)
def test_sums_of_a_table_and_its_pairs(seed: int) -> None:
    table, pairs = draw_sum(seed)

    def score(row) -> int:
        total = table.point_at(row[0])
        for pair, other in zip(pairs, row[1:], strict=True):
            both = (row[0], other) if pair.first == "debt" else (other, row[0])
            total += pair.look_up_one(*both)
        return total

    values = [places(table.cuts), [0.0, 1.0, np.nan], [0.0, 1.0, np.nan]]
    assert is_sum_monotone(table, pairs) == is_monotone(score, values, 0, 1)
    turned = replace(table, direction=-1, points=tuple(-p for p in table.points))
    negative = [
        replace(pair, values=tuple(tuple(-v for v in row) for row in pair.values)) for pair in pairs
    ]
    assert is_sum_monotone(turned, negative) == is_sum_monotone(table, pairs)


def test_both_answers_about_sums_are_met() -> None:
    answers = [is_sum_monotone(*draw_sum(seed)) for seed in range(200)]
    assert 20 < sum(answers) < 180


def check_tree(trees: TreeTable, tables) -> str | None:
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(tables) if t.kind == "category"}
    leaves, boxes = zip(*boxes_of(trees, trees.roots[0], sizes), strict=True)
    return first_against(np.array([trees.leaves[leaf] for leaf in leaves]), boxes, tables)


def draw_tree(seed: int):
    """Draw a tree with few different leaves, some of which keep the directions."""
    rng = np.random.default_rng(seed)
    grower = Grower(rng, NAMES, keeps_directions=rng.random() < 0.6)
    grower.tree(int(rng.integers(1, 4)), 0, 5)
    trees = grower.table([(0.0,) * len(NAMES)])
    return trees, tuple(make_table(name, rng, spread=0) for name in NAMES)


def values_of(trees: TreeTable) -> list[list[float]]:
    """Give for each input a value of each kind that the tree can tell apart."""
    found = []
    for at, name in enumerate(NAMES):
        if KINDS[name][0] == "category":
            found.append([*map(float, range(len(LEVELS) + 1)), np.nan])
        else:
            mine = [c for k, c in zip(trees.feature, trees.cut, strict=True) if k == at]
            found.append(places(mine))
    return found


@settings(max_examples=150, deadline=None)
@given(seed=seeds)
def test_trees(seed: int) -> None:
    trees, tables = draw_tree(seed)
    values = values_of(trees)
    broken = {
        table.name
        for at, table in enumerate(tables)
        if table.direction
        and at in trees.feature
        and not is_monotone(trees.look_up_one, values, at, table.direction)
    }
    found = check_tree(trees, tables)
    assert found in broken if broken else found is None


def test_both_answers_about_trees_are_met() -> None:
    answers = [check_tree(*draw_tree(seed)) is None for seed in range(200)]
    assert 40 < sum(answers) < 180


@settings(max_examples=10, deadline=None)
@given(seed=seeds, shape=st.sampled_from(["points", "pairs", "trees"]))
def test_a_checked_model_never_gives_a_riskier_value_more(seed: int, shape: str) -> None:
    model = make_model(shape, seed)
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.integers(-10, 11, (50, 3)) / 2, rng.integers(0, 2, (50, 2))])
    for at, table in enumerate(model.tables):
        if not table.direction:
            continue
        worse = rows.copy()
        worse[:, at] += rng.integers(0, 8, 50) / 2
        gain = model.scores_of(worse) - model.scores_of(rows)
        assert (table.direction * gain <= 0).all()


def broken_models() -> dict[str, object]:
    """Break a direction at one place each."""
    points, pairs, trees = (make_model(shape, 4) for shape in ("points", "pairs", "trees"))

    def turned_table() -> ScoreModel:
        table = points.tables[0]
        return replace(points, tables=(replace(table, direction=-1), *points.tables[1:]))

    def one_cell() -> ScoreModel:
        pair = pairs.pairs[0]
        top = list(map(list, pair.values))
        top[len(pair.first_cuts)][0] += 500
        new = replace(pair, values=tuple(map(tuple, top)))
        return finish(pairs.tables, unit=1000, pairs=(new, *pairs.pairs[1:]))

    def one_leaf() -> ScoreModel:
        for k in range(len(trees.trees.leaves)):
            leaves = list(trees.trees.leaves)
            leaves[k] += 7000
            finish(trees.tables, unit=1000, trees=replace(trees.trees, leaves=tuple(leaves)))
        return trees

    return {"table": turned_table, "pair": one_cell, "leaf": one_leaf}


@pytest.mark.parametrize("where", ["table", "pair", "leaf"])
def test_one_entry_against_the_direction_is_refused(where: str) -> None:
    from alicredit.portable.checking import check_model

    with pytest.raises(ModelFileError, match="must follow its direction"):
        check_model(broken_models()[where]())


def test_missing_values_have_no_order() -> None:
    trees = TreeTable((0,), (0,), (1.0,), (-1,), (1 - 3,), (True,), ((),), (9, 3), ((0.0,),))
    table = make_table("debt", np.random.default_rng(0), spread=0)
    assert check_tree(trees, (table,)) is None
    assert check_tree(replace(trees, missing_left=(False,)), (table,)) is None
    assert check_tree(replace(trees, leaves=(3, 9)), (table,)) == "debt"


def test_a_run_of_points_that_stays_level_falls_and_rises() -> None:
    assert falls((4, 4, 4), 1)
    assert falls((4, 4, 4), -1)
    assert falls((), 1)
    assert not falls((1, 2), 1)
