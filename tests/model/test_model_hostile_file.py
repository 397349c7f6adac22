"""A model file is whole, unaltered and understood, or it is refused; loading needs little."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_stage import Stage, make_merchants

from alicredit.errors import ModelFileError
from alicredit.model import ScoreModel, load_model

Content = dict[str, Any]


@pytest.fixture(scope="module")
def saved(model: ScoreModel, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.alicredit"
    model.save(path)
    return path.read_bytes()


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sealed(content: Content) -> bytes:
    """Write content under a digest that is its own, as an attacker would."""
    digest = hashlib.sha256(canonical(content).encode()).hexdigest()
    return canonical({"content": content, "digest": digest}).encode() + b"\n"


def content_in(saved: bytes) -> Content:
    return json.loads(saved)["content"]


def load(data: bytes, folder: Path) -> ScoreModel:
    path = folder / "model.alicredit"
    path.write_bytes(data)
    return load_model(path)


def test_the_file_is_plain_json_under_the_digest_of_its_content(saved, model) -> None:
    document = json.loads(saved)
    assert set(document) == {"content", "digest"}
    assert document["digest"] == model.model_id
    assert hashlib.sha256(canonical(document["content"]).encode()).hexdigest() == model.model_id
    assert document["content"]["format"] == "alicredit-model"
    assert document["content"]["format_version"] == 3


def test_every_number_comes_back_as_it_was(saved, model, tmp_path) -> None:
    loaded = load(saved, tmp_path)
    assert loaded == model
    assert [p.hex() for p in loaded.pds] == [p.hex() for p in model.pds]
    cuts = [[c.hex() for c in table.cuts] for table in loaded.tables]
    assert cuts == [[c.hex() for c in table.cuts] for table in model.tables]


def test_saving_again_writes_the_same_bytes(saved, tmp_path) -> None:
    load(saved, tmp_path).save(tmp_path / "again.alicredit")
    assert (tmp_path / "again.alicredit").read_bytes() == saved


def test_the_id_knows_neither_clock_nor_path_nor_build(saved) -> None:
    text = saved.decode().lower()
    for word in ("/home", "/usr", 'version":"', "created", "lightgbm", "numpy"):
        assert word not in text


def test_a_pinned_digest_must_be_the_files(saved, model, tmp_path) -> None:
    path = tmp_path / "model.alicredit"
    path.write_bytes(saved)
    assert load_model(path, digest=model.model_id) == model
    with pytest.raises(ModelFileError, match="must have the digest"):
        load_model(path, digest="0" * 64)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file(saved, tmp_path, share) -> None:
    with pytest.raises(ModelFileError):
        load(saved[: int(len(saved) * share)], tmp_path)


def test_bytes_flipped_swapped_or_repeated_anywhere(saved, tmp_path) -> None:
    rng = random.Random(20)
    body = saved.rstrip()
    for _ in range(400):
        data = bytearray(body)
        at, to = rng.randrange(len(data)), rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at], data[to] = data[to], data[at]
        elif kind == 2:
            data[at:at] = data[at : at + rng.randrange(1, 40)] or b"0"
        else:
            del data[at : at + rng.randrange(1, 40)]
        if bytes(data) == body:
            continue
        with pytest.raises(ModelFileError):
            load(bytes(data), tmp_path)


def test_rewritten_json_of_the_same_content_is_not_the_file(saved, tmp_path) -> None:
    with pytest.raises(ModelFileError, match="unaltered"):
        load(json.dumps(json.loads(saved), indent=1).encode(), tmp_path)
    with pytest.raises(ModelFileError):
        load(saved.replace(b'{"content":', b'{"digest":"x","content":', 1), tmp_path)


def set_in(*path: Any, to: Any) -> Callable[[Content], None]:
    """Make a change that puts a value at a path."""

    def change(content: Content) -> None:
        here: Any = content
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = to

    return change


def table_of(content: Content, kind: str) -> dict[str, Any]:
    return next(t for t in content["tables"] if t["kind"] == kind)


def swap_cuts(content: Content) -> None:
    table_of(content, "numeric")["cuts"].reverse()


def break_direction(content: Content) -> None:
    table = next(t for t in content["tables"] if t["direction"] == 1)
    table["points"].reverse()


def direct_a_category(content: Content) -> None:
    table = table_of(content, "category")
    table["direction"], table["points"] = 1, sorted(table["points"], reverse=True)


def repeat_a_level(content: Content) -> None:
    levels = table_of(content, "category")["levels"]
    levels[1] = levels[0]


def tie_probabilities(content: Content) -> None:
    content["pds"][1] = content["pds"][0]


def turn_probabilities(content: Content) -> None:
    for key in ("pds", "lowers", "uppers"):
        content[key].reverse()


def more_defaults_than_rows(content: Content) -> None:
    table = content["tables"][0]
    table["defaults"][0] = table["rows"][0] + 1


def repeat_a_table(content: Content) -> None:
    content["tables"].append(copy.deepcopy(content["tables"][0]))


def forget(key: str) -> Callable[[Content], None]:
    return lambda content: content.pop(key)


HOSTILE: dict[str, Callable[[Content], None]] = {
    "another format": set_in("format", to="pickle"),
    "a later version": set_in("format_version", to=4),
    "a version that is text": set_in("format_version", to="1"),
    "a shape not known": set_in("shape", to="trees"),
    "an unknown key": set_in("code", to="import os"),
    "an unknown key in a table": set_in("tables", 0, "formula", to="1+1"),
    "an unknown key in the claim": set_in("claim", "note", to="x"),
    "an unknown key in the scale": set_in("scale", "note", to=1),
    "no tables": set_in("tables", to=[]),
    "tables that are numbers": set_in("tables", to=[1, 2]),
    "tables that are a mapping": set_in("tables", to={}),
    "a table missing a key": lambda content: content["tables"][0].pop("cuts"),
    "a table twice": repeat_a_table,
    "a scale that is a number": set_in("scale", to=3),
    "a scale that falls": set_in("scale", "doubles_every", to=-20),
    "a scale beyond double": set_in("scale", "points", to=10**400),
    "a scale that is text": set_in("scale", "odds", to="50"),
    "a claim that is a list": set_in("claim", to=[365]),
    "a claim of no known level": set_in("claim", "level", to="galaxy"),
    "a claim over minus a year": set_in("claim", "horizon_days", to=-365),
    "a base that is no whole number": set_in("base", to=1.5),
    "a base of another height": set_in("base", to=0),
    "a huge base": set_in("base", to=10**12),
    "a first score elsewhere": set_in("first_score", to=0),
    "cuts in another order": swap_cuts,
    "a cut that is text": set_in("tables", 0, "cuts", 0, to="1"),
    "a cut that is a truth": set_in("tables", 0, "cuts", 0, to=True),
    "a cut that is none": set_in("tables", 0, "cuts", 0, to=None),
    "fewer cuts than steps": lambda content: table_of(content, "numeric")["cuts"].pop(),
    "points against the direction": break_direction,
    "points that are no whole number": set_in("tables", 0, "points", 0, to=0.5),
    "points beyond reason": set_in("tables", 0, "points", 0, to=10**9),
    "a direction of two": set_in("tables", 0, "direction", to=2),
    "a category with a direction": direct_a_category,
    "a level twice": repeat_a_level,
    "a level that is a number": lambda content: (
        table_of(content, "category")["levels"].insert(0, 1)
    ),
    "a kind not known": set_in("tables", 0, "kind", to="text"),
    "a reason not known": set_in("tables", 0, "code", to="SC_<script>"),
    "a name that is long": set_in("tables", 0, "name", to="x" * 1001),
    "a name that is a list": set_in("tables", 0, "name", to=["x"]),
    "a reference out of reach": set_in("tables", 0, "reference", to=999),
    "a share above one": set_in("tables", 0, "missing_share", to=1.5),
    "a range upside down": set_in("tables", 0, "low", to=1e12),
    "counts below zero": set_in("tables", 0, "rows", 0, to=-1),
    "more defaults than rows": more_defaults_than_rows,
    "probabilities that tie": tie_probabilities,
    "probabilities turned over": turn_probabilities,
    "a probability of one": set_in("pds", 0, to=1.0),
    "a probability of zero": set_in("pds", -1, to=0.0),
    "a probability of none": set_in("pds", 0, to=None),
    "a lower bound above": set_in("lowers", -1, to=0.999),
    "an upper bound below": set_in("uppers", 0, to=1e-9),
    "too few probabilities": lambda content: content["pds"].pop(),
    "probabilities of no score": lambda content: content["uppers"].append(0.5),
    "no probabilities": forget("pds"),
    "no claim": forget("claim"),
    "no training": forget("training"),
    "training that is a list": set_in("training", to=[["rows", 1]]),
    "training that is deep": set_in("training", "rows", to=[[[1]]]),
    "training that is wide": lambda content: (
        content["training"].update({str(k): k for k in range(500)})
    ),
    "training that is long": set_in("training", "folds", to="x" * 5000),
    "a digest that is a number": set_in("catalogue_digest", to=7),
    "huge lists": set_in("pds", to=[0.5] * 300_000),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_hostile_content_under_its_own_digest(saved, tmp_path, case: str) -> None:
    content = content_in(saved)
    HOSTILE[case](content)
    with pytest.raises(ModelFileError):
        load(sealed(content), tmp_path)


def test_random_leaves_replaced_under_a_valid_digest_load_alike_or_not_at_all(
    saved, model: ScoreModel, tmp_path
) -> None:
    rng = random.Random(7)
    odd = [None, True, -1, 10**30, 1e300, 0.5, "", "x" * 2000, [], {}, [[[]]], "1"]
    X, _, _ = make_merchants(20, seed=9)
    expected = model.score_frame(X)
    scored = 0
    for _ in range(250):
        content = content_in(saved)
        here: Any = content
        while True:
            keys = list(here) if isinstance(here, dict) else range(len(here))
            key = rng.choice(list(keys))
            if not isinstance(here[key], dict | list) or not here[key] or rng.random() < 0.1:
                break
            here = here[key]
        here[key] = rng.choice(odd)
        try:
            loaded = load(sealed(content), tmp_path)
        except ModelFileError:
            continue
        # What still loads is a lawful model: it scores every row, by its own tables.
        found = loaded.score_frame(X)
        assert (found["status"] == expected["status"]).all()
        assert found["pd"].between(0, 1, inclusive="neither").all()
        scored += 1
    assert scored < 125


HOPELESS: dict[str, bytes] = {
    "nothing": b"",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00",
    "a zip": b"PK\x03\x04" + b"\x00" * 100,
    "binary": bytes(range(256)) * 10,
    "another document": b'{"a": 1}',
    "a list": b"[]",
    "a number": b"1e999",
    "not a number": b'{"content":{"a":NaN},"digest":"x"}',
    "a huge number": b'{"content":{"a":' + b"9" * 5000 + b'},"digest":"x"}',
    "a number past the largest": b'{"content":{"a":1e999},"digest":"x"}',
    "half a character": b'{"content":{"a":"\\ud800"},"digest":"x"}',
    "wrong bytes": b'{"content":{"a":"\xff\xfe"},"digest":"x"}',
    "a mark of byte order": b"\xef\xbb\xbf{}",
    "a deep list": b"[" * 200_000,
    "a deep mapping": b'{"content":' * 50_000,
    "a deep content": b'{"content":{"a":' + b"[" * 900 + b"]" * 900 + b'},"digest":"x"}',
    "very many parts": b'{"content":[' + b"[]," * 3_000_000 + b'[]],"digest":"x"}',
    "a digest that is no text": b'{"content":{},"digest":12}',
}


@pytest.mark.parametrize("case", HOPELESS, ids=str)
def test_what_is_no_model_file_at_all(tmp_path, case: str) -> None:
    with pytest.raises(ModelFileError):
        load(HOPELESS[case], tmp_path)


def test_a_file_beyond_12_megabytes_is_not_read(tmp_path) -> None:
    path = tmp_path / "model.alicredit"
    with path.open("wb") as file:
        file.truncate(12 * 2**20 + 1)
    with pytest.raises(ModelFileError, match="12 MB"):
        load_model(path)


def test_what_is_no_file(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "absent", "", None, 3, b"x"):
        with pytest.raises(ModelFileError):
            load_model(path)


def test_loading_and_scoring_one_needs_no_learner_and_no_frames(saved, tmp_path) -> None:
    path = tmp_path / "model.alicredit"
    path.write_bytes(saved)
    code = f"""
import sys
from alicredit.model import load_model
model = load_model({str(path)!r})
row = dict(debt=1.0, sales=20.0, is_new=True, region="north", noise=0.0)
one = model.score_one(row)
assert one["status"] == "ok" and 0 < one["pd"] < 1, one
heavy = ("lightgbm", "sklearn", "pandas", "pyarrow", "duckdb", "scipy", "pickle5", "joblib")
print([name for name in heavy if name in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_names_in_other_scripts_survive(stage: Stage, tmp_path) -> None:
    X = stage.X.rename(columns={"debt": "负债 \"'\\ <b>"})
    model = type(stage.model)(directions=None).fit(X, stage.y).portable_
    model.save(tmp_path / "model.alicredit")
    assert load_model(tmp_path / "model.alicredit") == model
