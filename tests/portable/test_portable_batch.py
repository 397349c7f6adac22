"""Many rows at once: whatever a column is stored as and however rows are cut, each gets its own."""

from __future__ import annotations

import gc
import math
import tracemalloc
from bisect import bisect_left
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, LEVELS, SHAPES, draw_rows, encode, finish, make_model, make_pair
from portable_stage import make_table as draw_table
from test_portable_scores import slow_score

from alicredit.errors import InputError
from alicredit.portable import ScoreModel
from alicredit.portable.axes import Axis, blocks_of, whole_kind
from alicredit.portable.batch import score_rows
from alicredit.portable.blocks import reader_of
from alicredit.portable.grids import pack
from alicredit.portable.ranking import greatest, ranked

seeds = st.integers(0, 10**6)
NEXT = np.nextafter


class Plain:
    """A frame of nothing but names and arrays, as one may have without pandas."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.columns = list(frame.columns)
        self.held = {name: frame[name].to_numpy() for name in self.columns}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.held[name]


def by_row(model: ScoreModel, X: pd.DataFrame, reasons: int = 4) -> list[dict]:
    """Score rows one by one; numbers reach it as each column holds them."""
    rows = [{name: X[name].iloc[at] for name in X} for at in range(len(X))]
    return [model.score_one(row, reasons=reasons) for row in rows]


def assert_same(model: ScoreModel, X: pd.DataFrame, reasons: int = 4) -> pd.DataFrame:
    """Hold a frame against its rows one by one, to the bit."""
    whole, ones = model.score_frame(X, reasons=reasons), by_row(model, X, reasons)
    assert whole["status"].tolist() == [one["status"] for one in ones]
    assert whole["reasons"].tolist() == [one["reasons"] for one in ones]
    assert whole["flags"].tolist() == [one["flags"] for one in ones]
    for key in ("pd", "pd_lower", "pd_upper"):
        assert np.array(whole[key]).tobytes() == np.array([one[key] for one in ones]).tobytes()
    assert [None if pd.isna(v) else int(v) for v in whole["score"]] == [o["score"] for o in ones]
    return whole


def wide_model(seed: int, *, inputs: int = 9, unit: int = 1, pairs: int = 0) -> ScoreModel:
    """Draw a model of many numeric inputs, each with a code of its own, and pairs of them."""
    rng = np.random.default_rng(seed)
    tables = [
        draw_table(f"v{k}", rng, spread=1 + k % 2, direction=0) for k in range(inputs)
    ]  # fmt: skip
    tables = [
        type(table)(**{f: getattr(table, f) for f in table.__slots__} | {"code": "SC_OTHER"})
        for table in tables
    ]
    chosen = [rng.permutation(inputs)[:2] for _ in range(pairs)]
    named = {(min(a, b), max(a, b)) for a, b in chosen}
    grids = tuple(make_pair(tables[a], tables[b], rng, size=5) for a, b in sorted(named))
    return finish(tables, unit=unit, pairs=grids)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, count=st.sampled_from([0, 1, 5, 64, 65, 300]), rows=st.sampled_from([3, 300]))
def test_a_rank_is_the_number_of_cuts_below(seed: int, count: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = tuple(np.unique(rng.normal(size=count)).tolist())
    near = [f(cut, side) for cut in cuts for side in (-np.inf, np.inf) for f in (NEXT,)]
    pool = np.array([*cuts, *near, 0.0, -0.0, np.inf, -np.inf, np.nan, 1e300])
    values = rng.choice(pool, rows)
    gone = np.isnan(values)
    found = Axis(0, cuts).ranks(values, gone if gone.any() else None)
    assert found.tolist() == [len(cuts) + 1 if v != v else bisect_left(cuts, v) for v in values]


def test_ranks_have_the_smallest_type_that_holds_them() -> None:
    for most, size in ((0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32, 8)):
        assert np.dtype(whole_kind(most)).itemsize == size
        assert most <= np.iinfo(whole_kind(most)).max


@settings(max_examples=25, deadline=None)
@given(seed=seeds, cells=st.sampled_from([1, 40, 8192]), pair_cells=st.sampled_from([1, 2**16]))
def test_however_inputs_share_grids_the_sum_is_the_same(seed, cells, pair_cells) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("alicredit.portable.grids._CELLS", cells)
        patched.setattr("alicredit.portable.grids._PAIR_CELLS", pair_cells)
        model = wide_model(seed, unit=1000, pairs=8)
        X = draw_rows(model.feature_names, 20, np.random.default_rng(seed))
        X = X[X.isna().sum(axis=1) < 6]
        expected = [slow_score(model, row) for row in encode(model, X)]
        assert model.predict_score(X).tolist() == expected
        assert_same(model, X)
        sizes = [grid.values.size for grid in model.adder.grids.grids]
        own = [axis.size for axis in model.adder.plan.axes]
        assert cells > 1 or pair_cells > 1 or len(sizes) >= len(own) - 2 * len(model.pairs)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, scale=st.sampled_from([1, 2**12, 2**28, 2**40]))
def test_sums_near_the_end_of_a_type_are_whole(seed: int, scale: int) -> None:
    rng = np.random.default_rng(seed)
    terms = [((k,), rng.integers(-3 * scale, 3 * scale, 4)) for k in range(5)]
    ranks = [rng.integers(0, 4, 50).astype(np.uint8) for _ in terms]
    found = pack(terms, base=scale).total(ranks, 50)
    expected = [
        scale + sum(int(v[rank[row]]) for (_, v), rank in zip(terms, ranks, strict=True))
        for row in range(50)
    ]
    assert found.tolist() == expected


@settings(max_examples=40, deadline=None)
@given(
    seed=seeds, codes=st.integers(1, 9), top=st.integers(0, 11),
    size=st.sampled_from([2, 10**6, 2**61]),
)  # fmt: skip
def test_the_dearest_come_first_and_of_equals_the_first(seed, codes, top, size) -> None:
    costs = np.random.default_rng(seed).integers(-size, size, (30, codes))
    order, cost = ranked(costs.copy(), top)
    for row, mine, theirs in zip(costs.tolist(), order.tolist(), cost.tolist(), strict=True):
        expected = sorted(range(codes), key=lambda at: (-row[at], at))[:top]
        assert mine == expected
        assert theirs == [row[at] for at in expected]


@given(
    keys=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=8),
    top=st.integers(1, 5),
)
def test_the_greatest_are_those_of_a_sort(keys, top) -> None:
    found = greatest([np.array(each) for each in keys], top)
    for row in range(3):
        mine = sorted((each[row] for each in keys), reverse=True)[:top]
        assert found[:, row].tolist() == mine


def stored(X: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Store the same rows in every way that a frame has."""
    numbers = ["debt", "sales", "age"]
    nullable = X.assign(
        **{name: X[name].astype("Float64") for name in numbers},
        flag=X["flag"].astype("boolean"),
        kind=X["kind"].astype("string"),
    )
    return {
        "plain": X,
        "object": X.astype(object),
        "rows": X.assign(**dict(zip(numbers, X[numbers].to_numpy().copy("C").T, strict=True))),
        "float32": X.astype(dict.fromkeys(numbers, np.float32)),
        "float16": X.astype(dict.fromkeys(numbers, np.float16)),
        "Float32": X.astype(dict.fromkeys(numbers, "Float32")),
        "nullable": nullable,
        "arrow": nullable.convert_dtypes(dtype_backend="pyarrow"),
        "categorical": X.assign(kind=pd.Categorical(X["kind"])),
        "categorical numbers": X.assign(debt=pd.Categorical(X["debt"])),
        "doubled": (X[numbers] * 2).round().astype("Int64").join(X[["flag", "kind"]]),
        "reversed": X.iloc[::-1],
        "strided": pd.concat([X, X]).sort_index(kind="stable").iloc[::2],
    }  # fmt: skip


@pytest.mark.parametrize("way", list(stored(draw_rows(list(KINDS), 2, np.random.default_rng(0)))))
@pytest.mark.parametrize("shape", SHAPES)
def test_a_column_scores_as_its_values_whatever_it_is_stored_as(shape: str, way: str) -> None:
    for seed in range(3):
        model = make_model(shape, seed)
        X = draw_rows(model.feature_names, 25, np.random.default_rng(seed))
        frame = stored(X)[way]
        found = assert_same(model, frame)
        if way == "doubled":
            continue
        expected = model.score_frame(X).loc[frame.index if way != "rows" else X.index]
        pd.testing.assert_frame_equal(found, expected)


def test_a_frame_need_not_be_of_pandas() -> None:
    model = make_model("pairs", 2)
    X = draw_rows(model.feature_names, 300, np.random.default_rng(1))
    expected = model.score_frame(X)
    pd.testing.assert_frame_equal(model.score_frame(Plain(X)), expected)
    pd.testing.assert_frame_equal(model.score_frame(Plain(X.astype(object))), expected)


odd = st.sampled_from([
    None, np.nan, pd.NA, pd.NaT, True, False, np.True_, 0, 1, 2, -5, 10**400, np.int8(3),
    np.float32(0.5), np.inf, -np.inf, "a", "zz", "", np.str_("b"), "1", b"a", Decimal(1),
    Decimal("nan"), 1j, np.timedelta64(1, "s"), np.datetime64("NaT"), (), float("1e308"), 2.0,
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(*[odd] * len(KINDS)), min_size=1, max_size=8), seed=seeds)
def test_any_object_in_any_cell_has_the_status_of_its_row_alone(rows, seed: int) -> None:
    model = make_model(SHAPES[seed % 3], seed % 7)
    X = pd.DataFrame({
        name: pd.Series([row[at] for row in rows], dtype=object) for at, name in enumerate(KINDS)
    })  # fmt: skip
    assert_same(model, X)


def test_what_cannot_be_looked_up_is_no_level() -> None:
    model = make_model("points", 1)
    X = draw_rows(model.feature_names, 6, np.random.default_rng(3)).astype(object)
    X["kind"] = pd.Series([["a"], "a", {"a": 1}, None, "zz", "b"], dtype=object)
    status = assert_same(model, X)["status"]
    assert status[[0, 2]].tolist() == ["bad_type", "bad_type"]
    assert "bad_type" not in status[[1, 3, 4, 5]].tolist()


def test_a_whole_column_of_another_type_is_each_row_s() -> None:
    model = make_model("points", 1)
    X = draw_rows(model.feature_names, 30, np.random.default_rng(3)).fillna({"age": 0.0})
    for wrong in (X["age"] > 0, (X["age"] > 0).astype("boolean"), X["age"].astype(str)):
        assert set(assert_same(model, X.assign(age=wrong))["status"]) == {"bad_type"}
    holed = (X["age"] > 0).astype("boolean").where(X.index < 3)
    status = assert_same(model, X.assign(age=holed))["status"].tolist()
    assert status[:3] == ["bad_type"] * 3
    assert "bad_type" not in status[3:]
    with pytest.raises(InputError, match="type"):
        model.predict_score(X.assign(age=holed))
    codes = pd.Categorical([1, 2] * 15)
    assert set(assert_same(model, X.assign(kind=codes))["status"]) == {"bad_type"}


@settings(max_examples=30, deadline=None)
@given(seed=seeds, holes=st.floats(0.5, 0.95))
def test_too_many_missing_are_counted_by_row(seed: int, holes: float) -> None:
    rng = np.random.default_rng(seed)
    model = wide_model(seed % 5)
    X = draw_rows(model.feature_names, 12, rng)
    X = X.mask(rng.random(X.shape) < holes)
    status = assert_same(model, X)["status"]
    assert ((X.isna().sum(axis=1) > 0.75 * X.shape[1]) == (status == "too_many_missing")).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_next_numbers_around_every_cut_keep_to_their_side(kind) -> None:
    model = wide_model(3, inputs=4)
    for table in model.tables:
        cuts = np.array([kind(cut) for cut in table.cuts])
        values = np.unique([
            *cuts, *NEXT(cuts, kind(-np.inf)), *NEXT(cuts, kind(np.inf)), kind(0), kind(-0.0),
        ])  # fmt: skip
        X = pd.DataFrame({each.name: np.zeros(len(values), kind) for each in model.tables})
        X[table.name] = values.astype(kind)
        assert_same(model, X)
        scores = model.predict_score(X)
        steps = [bisect_left(table.cuts, float(value)) for value in values]
        assert (np.diff(scores) == np.diff(np.array(table.points)[steps])).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_many_rows_and_a_handful_are_worked_out_alike(shape: str, monkeypatch) -> None:
    model = make_model(shape, 8, trees=6, depth=6)
    X = draw_rows(model.feature_names, 700, np.random.default_rng(4))
    many = model.score_frame(X)
    few = pd.concat([model.score_frame(X.iloc[at : at + 70]) for at in range(0, 700, 70)])
    pd.testing.assert_frame_equal(many, few)
    for module in ("axes", "patterns", "shapley"):
        monkeypatch.setattr(f"alicredit.portable.{module}.MOST_ROWS", 0)
    again = pd.concat([model.score_frame(X.iloc[at : at + 70]) for at in range(0, 700, 70)])
    pd.testing.assert_frame_equal(many, again)
    monkeypatch.setattr("alicredit.portable.handful._CELLS", 100)
    for module in ("axes", "patterns", "shapley"):
        monkeypatch.setattr(f"alicredit.portable.{module}.MOST_ROWS", 10**6)
    pd.testing.assert_frame_equal(many, model.score_frame(X))


@settings(max_examples=15, deadline=None)
@given(seed=seeds, unit=st.sampled_from([1, 1000]), reasons=st.integers(0, 12))
def test_reasons_of_many_codes_are_those_of_one_row(seed: int, unit: int, reasons: int) -> None:
    model = wide_model(seed, inputs=8, unit=unit, pairs=5)
    X = draw_rows(model.feature_names, 15, np.random.default_rng(seed))
    lists = assert_same(model, X, reasons)["reasons"]
    assert max(map(len, lists)) <= reasons
    if reasons:
        assert len(set(map(id, lists))) == len(lists)


def test_a_model_that_gives_all_the_same_has_no_reasons() -> None:
    rng = np.random.default_rng(0)
    model = finish([draw_table(name, rng, spread=0) for name in KINDS], unit=1)
    X = draw_rows(model.feature_names, 20, rng)
    assert assert_same(model, X)["reasons"].tolist() == [[]] * 20
    assert set(model.predict_score(X[X.notna().all(axis=1)])) == {model.base}


def test_no_rows_are_no_scores() -> None:
    for shape in SHAPES:
        model = make_model(shape, 1)
        X = draw_rows(model.feature_names, 3, np.random.default_rng(0)).iloc[:0]
        found = model.score_frame(X)
        assert len(found) == 0
        assert list(found) == list(model.score_frame(X, reasons=0))
        assert [*model.score_frame(X, flags=False), "flags"] == list(found)
        assert model.predict_proba(X).shape == (0, 2)
    assert list(blocks_of(0)) == []


@pytest.mark.parametrize("is_on", [True, False])
def test_the_search_for_garbage_is_left_as_it_was(is_on: bool) -> None:
    model = make_model("points", 1)
    X = draw_rows(model.feature_names, 10, np.random.default_rng(0))
    before = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        model.score_frame(X)
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if before else gc.disable)()


def test_memory_beyond_input_and_output_does_not_grow_with_rows() -> None:
    model = wide_model(1, inputs=12, pairs=3)
    spare = []
    for blocks in (4, 12):
        X = pd.DataFrame(
            np.random.default_rng(0).normal(size=(blocks * 2**14, 12)), columns=model.feature_names
        )
        model.score_frame(X.iloc[:10])
        tracemalloc.start()
        found = score_rows(model, reader_of(model.tables, X), top=None)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found.scores) == len(X)
        spare.append(peak - kept)
    assert spare[1] < 1.1 * spare[0] + 2**14 * 12


def test_levels_beyond_a_byte_keep_their_places() -> None:
    levels = tuple(f"k{at:03d}" for at in range(300))
    rng = np.random.default_rng(2)
    table = draw_table("kind", rng, spread=1)
    values = {f: getattr(table, f) for f in table.__slots__}
    points = tuple(rng.integers(-40, 40, 301).tolist())
    wide = type(table)(
        **values | {
            "levels": levels, "points": points, "rows": (0,) * 302, "defaults": (0,) * 302,
            "reference": points[0],
        }
    )  # fmt: skip
    model = finish([wide, draw_table("age", rng, spread=1)], unit=1)
    X = pd.DataFrame({"kind": [*levels, "none of them", None], "age": 0.0})
    found = assert_same(model, X)
    expected = np.array([*points, wide.missing_points])
    assert (np.diff(found["score"].to_numpy(np.int64)) == np.diff(expected)).all()
    assert set(LEVELS).isdisjoint(levels)
    assert not math.isnan(found["pd"].iloc[0])
