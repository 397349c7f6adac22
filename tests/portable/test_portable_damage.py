"""Damaged files, half of them sealed again, are refused or are lawful models; none does harm."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damage_judge import against_direction, corpus, first_fault, judge, outcomes
from damage_stage import BYTES, CONTENT, body_of, canonical, damaged, seal
from plain_reader import read, score
from portable_stage import KINDS, SHAPES, finish, make_model, make_table

from alicredit.errors import ModelFileError
from alicredit.portable import PairTable, PointTable, load_model

OLD = Path(__file__).with_name("version_1.alicredit")
FILES = (*SHAPES, "version 1")
EACH = 120


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    found = {"version 1": OLD}
    for shape in SHAPES:
        found[shape] = folder / f"{shape}.alicredit"
        make_model(shape, 4, references=3).save(found[shape])
    return found


@pytest.mark.parametrize("name", FILES)
def test_each_damaged_file_is_refused_or_is_a_lawful_model(files, tmp_path, name: str) -> None:
    first = tmp_path / "first.alicredit"
    first.write_bytes(files[name].read_bytes())
    paths, kinds = [], []
    for at, (damage, is_sealed, data) in enumerate(damaged(first.read_bytes(), EACH, seed=11)):
        paths.append(tmp_path / str(at))
        paths[-1].write_bytes(data)
        kinds.append((damage, is_sealed))
    found = [outcome for outcome, _ in outcomes(paths, first)]
    wrong = [
        each
        for each in zip(kinds, found, strict=True)
        if each[1].startswith(("wrong", "crash", "hang"))
    ]
    assert wrong == []
    count = Counter((is_sealed, each) for (_, is_sealed), each in zip(kinds, found, strict=True))
    assert set(count) <= {
        (False, "refused"), (False, "same"), (True, "refused"), (True, "another model"),
    }  # fmt: skip
    assert count[False, "same"] <= 3
    assert count[True, "another model"] <= EACH / 4
    every = {damage.__name__ for damage in (*BYTES, *CONTENT)}
    assert {damage for damage, _ in kinds} == every


def test_the_judge_tells_what_is_wrong(files) -> None:
    model, other = make_model("points", 4), make_model("points", 5)
    rows = corpus(model)
    before = model.score_frame(rows)
    content, _ = read(files["points"])
    assert judge(load_model(files["points"]), model, rows, before) == "same"
    object.__setattr__(other, "model_id", model.model_id)
    assert judge(other, model, rows, before).startswith("wrong")
    assert first_fault(make_model("points", 4), content, rows) == ""
    for key, change in (("base", 1), ("pds", [0.1] * len(content["pds"]))):
        to = content[key] + change if key == "base" else change
        assert first_fault(model, content | {key: to}, rows).startswith("wrong")
    turned = make_model("points", 4)
    object.__setattr__(turned.tables[0], "points", turned.tables[0].points[::-1])
    assert "direction" in against_direction(turned, rows)


def test_a_child_that_dies_or_hangs_is_told(files, tmp_path, monkeypatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"{}")
    assert outcomes([path], files["points"])[0][0] == "refused"
    assert outcomes([tmp_path / "absent"], tmp_path / "no first")[0][0].startswith("crash: 1")


def test_the_plain_reader_reads_what_the_page_says(files) -> None:
    for name, path in files.items():
        model = load_model(path)
        content, digest = read(path)
        assert digest == model.model_id, name
        assert first_fault(model, content, corpus(model)) == ""
    for bad, status in (("x", "bad_type"), (math.inf, "bad_value"), (True, "bad_type")):
        row = dict.fromkeys(KINDS) | {"debt": bad, "age": 1, "sales": 1, "flag": 0}
        assert score(read(files["pairs"])[0], row)["status"] == status
        assert load_model(files["pairs"]).score_one(row)["status"] == status
    assert score(read(files["pairs"])[0], dict.fromkeys(KINDS))["status"] == "too_many_missing"


def of_size(inputs: int, steps: int) -> bytes:
    """Write a file of points of many inputs."""
    rng = np.random.default_rng(0)
    tables = [make_table(f"input_{k}", rng, spread=0) for k in range(inputs)]
    content = json.loads(json.dumps(_content(finish(tables, unit=1))))
    for table in content["tables"]:
        table["cuts"] = sorted(rng.normal(size=steps - 1).tolist())
        table["points"] = [0] * steps
        table["rows"], table["defaults"] = [5] * (steps + 1), [1] * (steps + 1)
    return seal(canonical(content))


def _content(model) -> dict:
    from alicredit.portable.file import content_of

    return content_of(model)


def test_three_thousand_inputs_load_within_a_second_and_200_megabytes(tmp_path) -> None:
    path = tmp_path / "large"
    path.write_bytes(of_size(3_000, 8))
    made = load_model(path)
    assert len(made.tables) == 3_000
    ((outcome, spent),) = outcomes([path], _small(tmp_path), is_judged=False)
    assert outcome == "loaded"
    assert spent < 1


def _small(folder: Path) -> Path:
    path = folder / "small"
    make_model("points", 4).save(path)
    return path


def test_a_file_of_too_many_parts_is_refused_before_it_is_parsed(tmp_path) -> None:
    path = tmp_path / "many"
    path.write_bytes(seal(b'{"a":[' + b"[]," * 300_001 + b"[]]}"))
    with pytest.raises(ModelFileError, match="at most 600000 parts"):
        load_model(path)


def flat(name: str, cuts: int) -> PointTable:
    """Make a directed table of many cuts and no points."""
    return replace(
        make_table(name, np.random.default_rng(1), spread=0, direction=1),
        cuts=tuple(np.arange(float(cuts)).tolist()), points=(0,) * (cuts + 1),
        rows=(1,) * (cuts + 2), defaults=(0,) * (cuts + 2),
    )  # fmt: skip


def test_a_pair_is_not_unfolded_to_the_product_of_its_cuts(tmp_path) -> None:
    """Of 9,000 cuts against 200 others the grid alone would take 14 MB a pair, times 20."""
    wide = [flat(f"wide_{k}", 200) for k in range(20)]
    cuts = wide[0].cuts
    pairs = [PairTable("debt", each.name, (1.0,), cuts, (), (), ((0,) * 202,) * 3) for each in wide]
    path = tmp_path / "wide"
    finish([flat("debt", 9_000), *wide], unit=1000, pairs=tuple(pairs)).save(path)
    ((outcome, spent),) = outcomes([path], _small(tmp_path))
    assert outcome == "another model"
    assert spent < 1


def test_trees_that_take_long_to_check_are_refused_at_once(files, tmp_path) -> None:
    content = json.loads(body_of(files["trees"].read_bytes()))
    trees: dict[str, list] = {key: [] for key in content["trees"]}
    for tree in range(260):
        first, leaf = 254 * tree, 255 * tree
        trees["roots"].append(first)
        trees["left"] += [-leaf - k - 1 for k in range(254)]
        trees["right"] += [*range(first + 1, first + 254), -leaf - 255]
        trees["cut"] += [float(k) for k in range(254)]
    nodes = len(trees["cut"])
    trees |= {"feature": [0] * nodes, "missing_left": [False] * nodes, "levels": [[]] * nodes}
    trees |= {"leaves": [0] * (255 * 260), "reference": [[None] * 5]}
    path = tmp_path / "long"
    path.write_bytes(seal(canonical(content | {"trees": trees})))
    with pytest.raises(ModelFileError, match="quick to check"):
        load_model(path)
    ((outcome, spent),) = outcomes([path], _small(tmp_path))
    assert outcome == "refused"
    assert spent < 1


BLOCKED = """
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy!r}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Wall())
from alicredit.portable import load_model
model = load_model({path!r}, digest={digest!r})
print(model.score_one({row!r})["status"])
"""


@pytest.mark.parametrize("name", FILES)
def test_loading_and_scoring_needs_numpy_alone(files, name: str) -> None:
    heavy = (
        "pandas",
        "lightgbm",
        "sklearn",
        "scipy",
        "pyarrow",
        "duckdb",
        "numba",
        "joblib",
        "onnx",
    )
    row = {"debt": 1.0, "sales": 2, "age": 3, "flag": True, "kind": "b"}
    if name == "version 1":
        row = {"debt": 1.0, "sales": 20.0, "is_new": True, "region": "north", "noise": 0.0}
    digest = json.loads(files[name].read_bytes())["digest"]
    code = BLOCKED.format(heavy=heavy, path=str(files[name]), digest=digest, row=row)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "ok", run.stderr
