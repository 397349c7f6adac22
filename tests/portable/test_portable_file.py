"""Files of all shapes: whole, unaltered and understood, or refused; those of version 1 load."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import SHAPES, draw_rows, make_model

from alicredit.errors import InputError, ModelFileError
from alicredit.portable import ScoreModel, load_model

Content = dict[str, Any]
OLD = Path(__file__).with_name("version_1.alicredit")


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def load(content: Content, folder: Path) -> ScoreModel:
    """Load content under a digest of its own, as an attacker would have it."""
    digest = hashlib.sha256(canonical(content).encode()).hexdigest()
    path = folder / "model.alicredit"
    path.write_bytes(canonical({"content": content, "digest": digest}).encode() + b"\n")
    return load_model(path)


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> dict[str, Content]:
    """Give what files of pairs and trees hold."""
    path = tmp_path_factory.mktemp("models") / "model.alicredit"
    found = {}
    for shape in ("pairs", "trees"):
        make_model(shape, 4, references=3).save(path)
        found[shape] = json.loads(path.read_bytes())["content"]
    return found


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), unit=st.sampled_from([1, 1000]))
def test_a_file_gives_back_the_model(tmp_path_factory, shape: str, seed: int, unit: int) -> None:
    model = make_model(shape, seed, unit=unit)
    path = tmp_path_factory.mktemp("file") / "m.alicredit"
    model.save(path)
    loaded = load_model(path, digest=model.model_id)
    assert loaded == model
    content = json.loads(path.read_bytes())["content"]
    assert (content["format_version"], content["shape"], content["unit"]) == (3, shape, unit)
    X = draw_rows(model.feature_names, 20, np.random.default_rng(seed))
    pd.testing.assert_frame_equal(loaded.score_frame(X), model.score_frame(X))
    loaded.save(path.with_name("again"))
    assert path.with_name("again").read_bytes() == path.read_bytes()


def test_a_save_that_is_stopped_leaves_the_old_model(monkeypatch, tmp_path) -> None:
    path, first = tmp_path / "m.alicredit", make_model("points", 1)
    first.save(path)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_model("trees", 2).save(path)
    assert load_model(path, digest=first.model_id) == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", [None, 3, "", b"m", ".", "nowhere/m.alicredit"], ids=repr)
def test_a_place_that_cannot_be_written_is_refused_by_name(place: Any) -> None:
    with pytest.raises(InputError, match="path must"):
        make_model("points", 1).save(place)


@pytest.mark.parametrize("digest", [5, b"0", True, ["0"], 0.0], ids=repr)
def test_a_digest_is_text(digest: Any) -> None:
    with pytest.raises(ModelFileError, match="digest must be the text of a model_id"):
        load_model(OLD, digest=digest)


@pytest.mark.parametrize("path", [None, 3, "", b"m", ".", "nowhere/m.alicredit"], ids=repr)
def test_what_is_no_file_is_not_loaded(path: Any) -> None:
    with pytest.raises(ModelFileError, match=r"(path|model file .*) must"):
        load_model(path)


def test_a_file_of_version_1_loads_and_is_saved_as_it_was(tmp_path) -> None:
    model = load_model(OLD)
    stated = json.loads(OLD.read_bytes())
    assert stated["content"]["format_version"] == 1
    assert model.model_id == stated["digest"]
    assert (model.shape, model.unit, model.pairs, model.trees) == ("points", 1, (), None)
    model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == OLD.read_bytes()


def test_a_file_of_version_1_scores_by_its_tables() -> None:
    content = json.loads(OLD.read_bytes())["content"]
    model = load_model(OLD)
    row = {"debt": 1.0, "sales": 20.0, "is_new": True, "region": "north", "noise": 0.0}
    score = content["base"]
    for table in content["tables"]:
        value = row[table["name"]]
        if table["kind"] == "category":
            score += table["points"][table["levels"].index(value)]
        else:
            score += table["points"][sum(value > cut for cut in table["cuts"])]
    one = model.score_one(row)
    assert one["score"] == score
    assert one["pd"] == content["pds"][score - content["first_score"]]


def test_version_1_knows_no_pairs(tmp_path, contents) -> None:
    old = json.loads(OLD.read_bytes())["content"]
    assert load(copy.deepcopy(old), tmp_path).shape == "points"
    for key, value in (("unit", 1), ("pairs", []), ("trees", None)):
        with pytest.raises(ModelFileError):
            load(old | {key: value}, tmp_path)
    for content in contents.values():
        with pytest.raises(ModelFileError):
            load(content | {"format_version": 1}, tmp_path)


def at(*path: Any, to: Any) -> Callable[[Content], None]:
    """Make a change that puts a value at a path."""

    def change(content: Content) -> None:
        here: Any = content
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = to

    return change


def place_of(content: Content, kind: str) -> int:
    return next(k for k, t in enumerate(content["tables"]) if t["kind"] == kind)


def node_of(content: Content, kind: str) -> int:
    return content["trees"]["feature"].index(place_of(content, kind))


def in_node(key: str, kind: str, to: Any) -> Callable[[Content], None]:
    """Make a change at a node that asks for an input of a kind."""

    def change(content: Content) -> None:
        content["trees"][key][node_of(content, kind)] = to

    return change


def add_pair(content: Content, *names: str) -> None:
    pair = copy.deepcopy(content["pairs"][0])
    pair["first"], pair["second"] = names
    content["pairs"].append(pair)


def turn_pair(content: Content) -> None:
    pair = content["pairs"][0]
    add_pair(content, pair["second"], pair["first"])


def gap_in_groups(content: Content) -> None:
    content["pairs"][1]["first_groups"] = [0, 0, 2, 2]


def drop_column(content: Content) -> None:
    for row in content["pairs"][0]["values"]:
        row.pop()


def ragged(content: Content) -> None:
    content["pairs"][0]["values"][0].pop()


def steal_child(content: Content) -> None:
    trees = content["trees"]
    trees["left"][0] = trees["right"][0]


def loop_back(content: Content) -> None:
    trees = content["trees"]
    last = len(trees["left"]) - 1
    trees["roots"][0], trees["left"][last] = trees["left"][last], 0


def one_more_leaf(content: Content) -> None:
    content["trees"]["leaves"].append(0)


def swap_leaves(content: Content) -> None:
    content["trees"]["leaves"].reverse()


def shuffle_probabilities(content: Content) -> None:
    content["pds"][:2] = content["pds"][1::-1]


def nearly_tie(content: Content) -> None:
    content["pds"][-1] = content["pds"][-2] * (1 - 1e-15)


PAIRS: dict[str, Callable[[Content], None]] = {
    "another shape": at("shape", to="trees"),
    "points by name": at("shape", to="points"),
    "a shape not known": at("shape", to="forest"),
    "no unit": lambda content: content.pop("unit"),
    "a unit of nothing": at("unit", to=0),
    "a unit of ten": at("unit", to=10),
    "a unit that is true": at("unit", to=True),
    "a unit in text": at("unit", to="1000"),
    "another unit": at("unit", to=1),
    "pairs that are none": at("pairs", to=None),
    "pairs that are a mapping": at("pairs", to={}),
    "pairs gone": at("pairs", to=[]),
    "a pair that is a number": at("pairs", 0, to=3),
    "a pair with code": at("pairs", 0, "code", to="x"),
    "a pair without values": lambda content: content["pairs"][0].pop("values"),
    "a pair of a stranger": at("pairs", 0, "first", to="stranger"),
    "a pair of one": lambda content: add_pair(content, "debt", "debt"),
    "a pair twice": lambda content: add_pair(content, "debt", "sales"),
    "a pair turned": turn_pair,
    "a pair with cuts that fall": at("pairs", 2, "first_cuts", to=[2.0, 1.0]),
    "a pair with cuts that tie": at("pairs", 2, "first_cuts", to=[1.0, 1.0]),
    "cuts of a category": at("pairs", 1, "first_cuts", to=[1.0]),
    "groups of a number": at("pairs", 0, "first_groups", to=[0]),
    "a group below nought": at("pairs", 1, "first_groups", to=[0, 1, -1, 0]),
    "a gap in groups": gap_in_groups,
    "too few groups": lambda content: content["pairs"][1]["first_groups"].pop(),
    "a million groups": at("pairs", 1, "first_groups", to=[10**8] * 4),
    "values of a column less": drop_column,
    "values ragged": ragged,
    "no values": at("pairs", 0, "values", to=[]),
    "a row fewer": lambda content: content["pairs"][0]["values"].pop(),
    "a value in text": at("pairs", 0, "values", 0, 0, to="1"),
    "a value in halves": at("pairs", 0, "values", 0, 0, to=0.5),
    "a value beyond reason": at("pairs", 0, "values", 0, 0, to=10**10),
    "a value out of reach": at("pairs", 0, "values", -1, -1, to=40_000),
    "a reference elsewhere": at("pairs", 0, "reference", to=999),
    "probabilities that rise": shuffle_probabilities,
    "probabilities that nearly tie": nearly_tie,
    "very many pairs": lambda content: content.update(pairs=content["pairs"] * 1000),
}  # fmt: skip
TREES: dict[str, Callable[[Content], None]] = {
    "pairs by name": at("shape", to="pairs"),
    "trees gone": at("trees", to=None),
    "trees that are a list": at("trees", to=[]),
    "trees that are empty": at("trees", to={}),
    "trees with code": at("trees", "code", to="import os"),
    "no roots": at("trees", "roots", to=[]),
    "a root twice": lambda content: content["trees"]["roots"].append(0),
    "a root out of range": at("trees", "roots", 0, to=10**6),
    "a root in text": at("trees", "roots", 0, to="0"),
    "a child twice": steal_child,
    "a ring": loop_back,
    "a node that is its own child": at("trees", "left", 0, to=0),
    "a child out of range": at("trees", "right", 0, to=10**8),
    "a leaf out of range": at("trees", "right", 0, to=-(10**8)),
    "a leaf that nothing reaches": one_more_leaf,
    "a leaf fewer": lambda content: content["trees"]["leaves"].pop(),
    "leaves turned round": swap_leaves,
    "a leaf in halves": at("trees", "leaves", 0, to=0.5),
    "a leaf beyond reason": at("trees", "leaves", 0, to=2 * 10**9),
    "a node fewer": lambda content: content["trees"]["cut"].pop(),
    "an input not there": at("trees", "feature", 0, to=99),
    "an input below nought": at("trees", "feature", 0, to=-1),
    "a cut of none": in_node("cut", "numeric", None),
    "a cut in text": in_node("cut", "numeric", "1"),
    "a cut that is whole": in_node("cut", "numeric", 1),
    "a cut of a category": in_node("cut", "category", 1.0),
    "levels of a number": in_node("levels", "numeric", [0]),
    "no levels": in_node("levels", "category", []),
    "levels that fall": in_node("levels", "category", [2, 1]),
    "levels that repeat": in_node("levels", "category", [1, 1]),
    "levels not there": in_node("levels", "category", [0, 99]),
    "levels below nought": in_node("levels", "category", [-1, 0]),
    "a side that is a number": at("trees", "missing_left", 0, to=1),
    "no reference": at("trees", "reference", to=[]),
    "a reference too short": lambda content: content["trees"]["reference"][0].pop(),
    "a reference in text": at("trees", "reference", 0, 0, to="1"),
    "a reference of half a flag": at("trees", "reference", 0, 3, to=0.5),
    "a reference of no level": at("trees", "reference", 0, 4, to=7.0),
    "a reference without end": at("trees", "reference", 0, 0, to=10**400),
    "very many references": lambda content: content["trees"].update(
        reference=content["trees"]["reference"] * 400
    ),
    "points beside trees": at("tables", 2, "missing_points", to=1),
    "pairs beside trees": lambda content: content.update(pairs=[{
        "first": "debt", "second": "sales", "first_cuts": [], "second_cuts": [],
        "first_groups": [], "second_groups": [], "values": [[0, 0], [0, 0]], "reference": 0,
    }]),
}  # fmt: skip
CASES = [("pairs", case) for case in PAIRS] + [("trees", case) for case in TREES]


@pytest.mark.parametrize(("shape", "case"), CASES, ids=str)
def test_hostile_content_under_its_own_digest(contents, tmp_path, shape: str, case: str) -> None:
    content = copy.deepcopy(contents[shape])
    assert load(content, tmp_path).shape == shape
    (PAIRS if shape == "pairs" else TREES)[case](content)
    with pytest.raises(ModelFileError):
        load(content, tmp_path)


def chain(content: Content, length: int, wide: bool) -> None:
    """Make a tree that goes on and on to one side, over one input or over many."""
    extra = [copy.deepcopy(content["tables"][2]) | {"name": f"n{k}"} for k in range(length)]
    content["tables"] += extra if wide else []
    first = 5 if wide else 2
    content["trees"] = {
        "roots": [0], "feature": [first + k if wide else first for k in range(length)],
        "cut": [float(k) for k in range(length)], "left": [-k - 1 for k in range(length)],
        "right": [*range(1, length), -length - 1], "missing_left": [False] * length,
        "levels": [[]] * length, "leaves": [0] * (length + 1),
        "reference": [[None] * len(content["tables"])],
    }  # fmt: skip
    base = content["base"]
    content.update(first_score=base // 1000, pds=[0.02], lowers=[0.01], uppers=[0.03])


def test_trees_too_deep_or_too_wide_are_refused(contents, tmp_path) -> None:
    for length, wide, message in ((256, False, "256 leaves"), (13, True, "12 inputs")):
        content = copy.deepcopy(contents["trees"])
        chain(content, length, wide)
        with pytest.raises(ModelFileError, match=message):
            load(content, tmp_path)
        content = copy.deepcopy(contents["trees"])
        chain(content, length - 1, wide)
        model = load(content, tmp_path)
        row = dict.fromkeys(model.feature_names) | dict.fromkeys(model.feature_names[5:], 1.5)
        row |= {"debt": 0.0, "sales": 0.0, "age": 300.0}
        assert model.score_one(row)["reasons"] == []


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_random_leaves_replaced_load_lawful_or_not_at_all(contents, tmp_path, shape: str) -> None:
    rng = random.Random(3)
    odd = [None, True, -1, 10**30, 1e300, 0.5, "", "x" * 2000, [], {}, [[[]]], "1", 0, 1, [0]]
    X = draw_rows(list(make_model(shape, 4).feature_names), 10, np.random.default_rng(1))
    loaded = 0
    for _ in range(200):
        content = copy.deepcopy(contents[shape])
        here: Any = content[shape]
        while True:
            keys = list(here) if isinstance(here, dict) else range(len(here))
            key = rng.choice(list(keys))
            if not isinstance(here[key], dict | list) or not here[key] or rng.random() < 0.1:
                break
            here = here[key]
        here[key] = rng.choice(odd)
        try:
            model = load(content, tmp_path)
        except ModelFileError:
            continue
        found = model.score_frame(X)
        good = found[found["status"] == "ok"]
        assert good["pd"].between(0, 1, inclusive="neither").all()
        loaded += 1
    assert loaded < 120


def test_bytes_flipped_or_swapped_anywhere(tmp_path) -> None:
    rng = random.Random(20)
    path = tmp_path / "model.alicredit"
    make_model("trees", 4).save(path)
    body = path.read_bytes().rstrip()
    for _ in range(150):
        data = bytearray(body)
        one, other = rng.randrange(len(data)), rng.randrange(len(data))
        if rng.random() < 0.5:
            data[one] ^= 1 << rng.randrange(8)
        else:
            data[one], data[other] = data[other], data[one]
        path.write_bytes(bytes(data))
        if bytes(data) != body:
            with pytest.raises(ModelFileError):
                load_model(path)


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_scoring_one_needs_no_learner_and_no_frames(tmp_path, shape: str) -> None:
    path = tmp_path / "model.alicredit"
    make_model(shape, 4).save(path)
    code = f"""
import sys
from alicredit.portable import load_model
one = load_model({str(path)!r}).score_one(dict(debt=9.0, sales=-3, age=1, flag=True, kind="b"))
assert one["status"] == "ok" and one["reasons"], one
heavy = ("lightgbm", "sklearn", "pandas", "pyarrow", "duckdb", "scipy", "joblib")
print([name for name in heavy if name in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
