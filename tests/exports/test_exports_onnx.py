"""The ONNX graph on onnxruntime: the same score, status and probability for every row."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from damage_judge import corpus
from exports_stage import as_objects, fixed_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_reader import read, score
from portable_stage import KINDS, SHAPES, Grower, draw_rows, finish, make_model, make_table
from portable_stage import with_specials as with_codes

import alicredit as ac
from alicredit.errors import InputError
from alicredit.portable import PairTable, ScoreModel, load_model

onnx = pytest.importorskip("onnx", reason="the extra [onnx] is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "tests" / "portable" / "version_1.alicredit"
WORDS = ["ok", "bad_type", "bad_value", "too_many_missing"]
REALS = ("points", "pd_lower", "pd", "pd_upper")


def session(model: ScoreModel) -> Any:
    """Check the graph in full and load it; a warning of the runtime fails the test."""
    data = model.to_onnx()
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def feed_of(model: ScoreModel, X: pd.DataFrame) -> dict[str, Any]:
    """Give columns as the tensors that the page on ``to_onnx`` asks for."""
    feed = {}
    for table in model.tables:
        if table.kind == "category":
            values = ["(missing)" if pd.isna(v) else v for v in X[table.name]]
            feed[table.name] = np.array(values, dtype=object)[:, None]
        else:
            feed[table.name] = X[table.name].to_numpy(dtype=np.float64)[:, None]
    return feed


def run(graph: Any, model: ScoreModel, X: pd.DataFrame) -> dict[str, Any]:
    names = [output.name for output in graph.get_outputs()]
    return dict(zip(names, graph.run(None, feed_of(model, X)), strict=True))


def assert_equal(model: ScoreModel, X: pd.DataFrame, graph: Any = None) -> dict[str, Any]:
    """Hold the graph against the batch: status and score exactly, probabilities to the bit."""
    found, frame = run(graph or session(model), model, X), model.score_frame(X, reasons=0)
    assert [WORDS[at] for at in found["status"]] == frame["status"].tolist()
    ok = (frame["status"] == "ok").to_numpy()
    expected = frame["score"].to_numpy(dtype=np.int64, na_value=-(2**63))
    np.testing.assert_array_equal(found["score"], expected)
    for key in ("pd_lower", "pd", "pd_upper"):
        np.testing.assert_array_equal(found[key], frame[key].to_numpy())
    np.testing.assert_array_equal(found["points"][ok], expected[ok] / model.unit)
    assert np.isnan(found["points"][~ok]).all()
    return found


def bad_rows(model: ScoreModel) -> pd.DataFrame:
    """Give rows that are refused, each in another way, between good ones."""
    X = draw_rows(model.feature_names, 12, np.random.default_rng(3))
    X["age"], X["debt"], X["sales"] = 1.0, 2.0, 3.0
    X.loc[1, "debt"], X.loc[2, "sales"] = np.inf, -np.inf
    X.loc[3, "flag"], X.loc[4, "flag"] = 2.0, 0.5
    X.loc[5, ["debt", "sales", "age", "flag"]] = np.nan
    X.loc[6, ["debt", "sales", "age"]] = np.nan
    X.loc[6, "flag"] = 1.0
    X.loc[6, "kind"] = None
    X.loc[7, list(KINDS)] = [np.nan, np.inf, np.nan, np.nan, None]
    X.loc[8, ["debt", "flag"]] = [np.inf, np.nan]
    return X


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), unit=st.sampled_from([1, 1000]))
def test_any_model_gives_the_same_on_cuts_and_next_to_them(
    shape: str, seed: int, unit: int
) -> None:
    model = make_model(shape, seed, unit=unit)
    graph = session(model)
    for X in (corpus(model), draw_rows(model.feature_names, 40, np.random.default_rng(seed))):
        assert_equal(model, X, graph)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            *(st.floats(allow_nan=True, allow_infinity=True) for _ in range(3)),
            st.sampled_from([0.0, 1.0, np.nan, -0.0, 2.0]),
            st.one_of(st.none(), st.sampled_from(["a", "b", "c", "A", "", " a"]), st.text()),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_row_gives_the_same(shape: str, rows: list[tuple[Any, ...]]) -> None:
    rows = [(*row[:4], None if row[4] == "(missing)" else row[4]) for row in rows]
    X = pd.DataFrame(rows, columns=list(KINDS))
    X["kind"] = X["kind"].astype(object).where(X["kind"].notna(), None)
    if any("\ud800" <= c <= "\udfff" or c == "\0" for text in X["kind"] for c in text or ""):
        return
    model, graph = _kept(shape)
    assert_equal(model, X, graph)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", SHAPES)
def test_special_codes_and_the_doubles_beside_them_give_the_same(shape: str, seed: int) -> None:
    model = with_codes(make_model(shape, seed), seed)
    X = as_objects(fixed_rows(model, seed))
    found = assert_equal(model, X)
    own = X["debt"].isin(model.tables[0].specials)
    assert own.sum() > 3
    assert len(set(found["score"][own])) > 1


_KEPT: dict[str, tuple[ScoreModel, Any]] = {}


def _kept(shape: str) -> tuple[ScoreModel, Any]:
    if shape not in _KEPT:
        _KEPT[shape] = (make_model(shape, 4), session(make_model(shape, 4)))
    return _KEPT[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_that_are_refused_have_the_same_status(shape: str) -> None:
    model, graph = _kept(shape)
    found = assert_equal(model, bad_rows(model), graph)
    assert {2, 3} <= set(found["status"].tolist())
    assert (found["score"][found["status"] > 0] == -(2**63)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_columns_meet_the_same_cuts(shape: str) -> None:
    """A float32 next to a cut keeps its own value when it becomes a double."""
    model, graph = _kept(shape)
    rng = np.random.default_rng(0)
    base = rng.integers(-16, 17, (200, 3)).astype(np.float32) / np.float32(2)
    near = np.stack([np.nextafter(base, np.float32(end)) for end in (-np.inf, np.inf)])
    values = np.concatenate([base, near[0], near[1]])
    X = pd.DataFrame(values, columns=["debt", "sales", "age"])
    X["flag"], X["kind"] = np.float32(1), "b"
    assert X["debt"].dtype == np.float32
    assert_equal(model, X, graph)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_graph_agrees_with_a_reader_of_the_file(shape: str, tmp_path) -> None:
    model, graph = _kept(shape)
    model.save(tmp_path / "m")
    content, _ = read(tmp_path / "m")
    X = pd.concat([corpus(model), bad_rows(model)], ignore_index=True)
    found = run(graph, model, X)
    for at, row in enumerate(X.astype(object).where(X.notna(), None).to_dict("records")):
        plain = score(content, row)
        assert WORDS[found["status"][at]] == plain["status"]
        if plain["status"] == "ok":
            assert found["score"][at] == plain["score"]
            assert found["pd"][at] == pytest.approx(plain["pd"], abs=1e-12)


def plain_models() -> dict[str, ScoreModel]:
    """Give models that lack one thing or another."""
    rng = np.random.default_rng(8)
    one = {name: make_table(name, rng, spread=60) for name in KINDS}
    flat = {name: make_table(name, rng, spread=0) for name in KINDS}
    uncut = PairTable("kind", "age", (), (), (0, 1, 1, 2), (), ((3, 4), (1, 2), (0, 9), (5, 5)))
    stump, leaf, both = (Grower(rng, list(KINDS)) for _ in range(3))
    leaf.tree(0)
    stump.tree(1)
    for depth in (0, 3, 0, 8):
        both.tree(depth)
    rows = [[1.0, 1.0, 1.0, 1.0, 1.0]]
    tables = list(flat.values())
    return {
        "a category": finish([one["kind"]], unit=1),
        "a flag": finish([one["flag"]], unit=1),
        "no cut": finish([flat["debt"], flat["kind"]], unit=1),
        "one number": finish([one["age"]], unit=1000),
        "a pair without cuts": finish([one["kind"], one["age"]], unit=1000, pairs=(uncut,)),
        "a tree that is a leaf": finish(tables, unit=1000, trees=leaf.table(rows)),
        "a stump": finish(tables, unit=1, trees=stump.table(rows)),
        "leaves and a deep tree": finish(tables, unit=1000, trees=both.table(rows)),
        "version 1": load_model(OLD),
    }


@pytest.mark.parametrize("name", plain_models(), ids=str)
def test_models_that_lack_one_thing_or_another(name: str) -> None:
    model = plain_models()[name]
    assert_equal(model, corpus(model))


def test_many_large_trees_sum_exactly() -> None:
    model = make_model("trees", 6, trees=120, depth=7)
    assert len(model.trees.leaves) > 2_000
    assert_equal(model, corpus(model))


def test_sums_beyond_the_whole_numbers_of_float32_are_exact() -> None:
    rng = np.random.default_rng(2)
    tables = [make_table(name, rng, spread=0) for name in KINDS]
    grower = Grower(rng, list(KINDS))
    for _ in range(6):
        grower.tree(4, low=10**7 + 1, high=10**7 + 9)
    trees = grower.table([[0.0] * 5])
    model = finish(tables, unit=1000, base=-59_400, trees=trees)
    found = assert_equal(model, corpus(model))
    assert len(np.unique(found["score"])) > 5
    assert trees.reach()[0] > 2**25


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_orders_and_threads_do_not_matter(shape: str) -> None:
    model, graph = _kept(shape)
    X = draw_rows(model.feature_names, 3_000, np.random.default_rng(1))
    whole = run(graph, model, X)
    order = np.random.default_rng(2).permutation(len(X))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    single = ort.InferenceSession(model.to_onnx(), options)
    for key, values in run(single, model, X.iloc[order]).items():
        np.testing.assert_array_equal(values, whole[key][order])
    for at in range(3):
        for key, values in run(graph, model, X.iloc[[at]]).items():
            np.testing.assert_array_equal(values, whole[key][[at]])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_graph_states_model_claim_and_contract(shape: str) -> None:
    model, graph = _kept(shape)
    stated = graph.get_modelmeta().custom_metadata_map
    assert stated["model_id"] == model.model_id
    assert stated["claim"] == "365 days, borrower, more than 90 days past due"
    assert (stated["shape"], stated["units_per_point"]) == (shape, str(model.unit))
    contract = json.loads(stated["inputs"])
    assert [each["name"] for each in contract] == list(model.feature_names)
    assert contract[4]["levels"] == ["a", "b", "c"]
    assert contract[0]["low"] == model.tables[0].low
    kinds = {each.name: (each.type, each.shape) for each in graph.get_inputs()}
    assert kinds["debt"] == ("tensor(double)", ["N", 1])
    assert kinds["kind"] == ("tensor(string)", ["N", 1])
    outputs = {each.name: each.type for each in graph.get_outputs()}
    wholes = dict.fromkeys(("status", "score"), "tensor(int64)")
    assert outputs == wholes | dict.fromkeys(REALS, "tensor(double)")
    assert all(each.shape == ["N"] for each in graph.get_outputs())


def test_the_same_model_gives_the_same_bytes(tmp_path) -> None:
    model = make_model("trees", 4)
    model.save(tmp_path / "m")
    code = f"""
import hashlib
from alicredit.portable import load_model
print(hashlib.sha256(load_model({str(tmp_path / "m")!r}).to_onnx()).hexdigest())
"""
    told = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    }
    assert told == {hashlib.sha256(model.to_onnx()).hexdigest()}
    assert model.to_onnx() != make_model("trees", 5).to_onnx()


def test_the_graph_is_written_whole_or_not_at_all(tmp_path) -> None:
    model = make_model("pairs", 4)
    data = model.to_onnx(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == data
    for place in ("", 3, tmp_path, tmp_path / "absent" / "m.onnx"):
        with pytest.raises(InputError, match="path must"):
            model.to_onnx(place)


@pytest.mark.parametrize("name", ["score", "pd", "status", "alicredit/1", "alicredit/c0"])
def test_an_input_named_as_an_output_is_refused(name: str) -> None:
    model = make_model("points", 4)
    tables = (replace(model.tables[0], name=name), *model.tables[1:])
    with pytest.raises(InputError, match="unlike outputs"):
        replace(model, tables=tables).to_onnx()


def test_a_level_that_means_missing_is_refused() -> None:
    model = make_model("points", 4)
    kind = replace(model.tables[4], levels=("a", "(missing)", "c"))
    with pytest.raises(InputError, match="no level"):
        replace(model, tables=(*model.tables[:4], kind)).to_onnx()


@pytest.mark.parametrize(
    "change",
    [
        lambda feed: feed.pop("debt"),
        lambda feed: feed.update(debt=feed["debt"].astype(np.float32)),
        lambda feed: feed.update(debt=feed["debt"].astype(str).astype(object)),
        lambda feed: feed.update(kind=np.zeros((3, 1))),
        lambda feed: feed.update(extra=feed["debt"]),
        lambda feed: feed.update(debt=feed["debt"][:, 0]),
        lambda feed: feed.update(flag=feed["flag"].astype(bool)),
    ],
    ids=["lacks", "float32", "text", "numbers for text", "extra", "no column", "booleans"],
)
def test_the_runtime_refuses_other_inputs(change: Any) -> None:
    model, graph = _kept("points")
    feed = feed_of(model, draw_rows(model.feature_names, 3, np.random.default_rng(1)))
    change(feed)
    with pytest.raises(
        (RuntimeError, ValueError, ort.capi.onnxruntime_pybind11_state.InvalidArgument)
    ):
        graph.run(None, feed)


def test_without_the_extra_the_error_names_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"alicredit\[onnx\]"):
        make_model("points", 4).to_onnx()


def test_the_room_needs_no_onnx_to_be_imported() -> None:
    code = "import sys, alicredit.exports, alicredit.portable; print('onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_models_learned_from_the_sample() -> None:
    records = ac.read_records(ROOT / "data" / "sample")
    cohort = ac.Cohort.of_loans(records)[::4]
    names = [name for name in ac.CATALOGUE.names if name.startswith("orders_")][:10]
    X = ac.build_features(records, cohort, catalogue=ac.CATALOGUE.subset(names))
    y = ac.label_defaults(records, cohort)
    known = y.notna()
    for shape in ("points", "trees"):
        fitted = ac.DefaultModel(shape=shape, random_state=1).fit(X[known], y[known])
        model = fitted.portable_
        assert fitted.to_onnx() == model.to_onnx()
        graph = session(model)
        assert_equal(model, X, graph)
        assert_equal(model, corpus(model), graph)
