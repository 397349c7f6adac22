"""A model file is whole and unaltered, or refused; never a crash, never another score."""

from __future__ import annotations

import json
import random

import numpy as np
import pandas as pd
import pytest

from alicredit.errors import ModelFileError
from alicredit.model import DefaultModel, load_model
from alicredit.portable.file import digest_of


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(800, 3)), columns=list("abc"))
    X["kind"] = rng.choice(["red", "blue"], 800)
    y = (rng.random(800) < 1 / (1 + np.exp(1.5 - X["a"]))).astype(float)
    path = tmp_path_factory.mktemp("model") / "m.alicredit"
    DefaultModel("points", directions={"a": 1}).fit(X, y).save(path)
    return path.read_text(encoding="utf-8")


def load(folder, content: str | bytes):
    path = folder / "m.alicredit"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_model(path)


ROWS = pd.DataFrame({"a": [-2.0, 0.0, 3.0], "b": 0.0, "c": 1.0, "kind": ["red", "blue", "x"]})


def test_the_file_is_plain_json_with_its_digest(text, tmp_path) -> None:
    outer = json.loads(text)
    assert set(outer) == {"content", "digest"}
    assert outer["digest"] == digest_of(outer["content"]) == load(tmp_path, text).model_id


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_file_is_refused_or_scores_the_same(text, tmp_path, seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(text.encode())
    at = rng.randrange(len(data))
    how = seed % 4
    if how == 0:
        data = data[:at]
    elif how == 1:
        data[at] ^= 1 << rng.randrange(8)
    elif how == 2:
        data[at:at] = data[at : at + rng.randrange(1, 200)]
    else:
        other = rng.randrange(len(data))
        data[at], data[other] = data[other], data[at]
    good = load(tmp_path, text).score_frame(ROWS)
    try:
        model = load(tmp_path, bytes(data))
    except ModelFileError:
        return
    pd.testing.assert_frame_equal(model.score_frame(ROWS), good)


def resealed(text: str, change) -> str:
    content = json.loads(text)["content"]
    change(content)
    return json.dumps({"content": content, "digest": digest_of(content)})


def deep(depth: int) -> str:
    return '{"content": ' + "[" * depth + "]" * depth + ', "digest": "x"}'


HOSTILE = {
    "format": lambda c: c.update(format="other"),
    "version": lambda c: c.update(format_version=99),
    "shape": lambda c: c.update(shape="trees"),
    "extra key": lambda c: c.update(code="import os"),
    "lost key": lambda c: c.pop("pds"),
    "base of text": lambda c: c.update(base="600"),
    "base of a fraction": lambda c: c.update(base=600.5),
    "huge base": lambda c: c.update(base=10**30),
    "pds rise": lambda c: c.update(pds=c["pds"][::-1]),
    "pds of 1": lambda c: c["pds"].__setitem__(0, 1.0),
    "tie": lambda c: c["pds"].__setitem__(1, c["pds"][0]),
    "short pds": lambda c: c.update(pds=c["pds"][:-1]),
    "first score": lambda c: c.update(first_score=c["first_score"] + 1),
    "cuts fall": lambda c: c["tables"][0].update(cuts=c["tables"][0]["cuts"][::-1]),
    "points rise": lambda c: c["tables"][0].update(points=c["tables"][0]["points"][::-1]),
    "a point more": lambda c: c["tables"][0]["points"].append(1),
    "huge points": lambda c: c["tables"][0]["points"].__setitem__(0, 10**8),
    "no tables": lambda c: c.update(tables=[]),
    "twice": lambda c: c["tables"].append(c["tables"][0]),
    "kind": lambda c: c["tables"][0].update(kind="lambda"),
    "code": lambda c: c["tables"][0].update(code="SC_EVIL"),
    "long text": lambda c: c["tables"][0].update(title="x" * 5000),
    "table key": lambda c: c["tables"][0].update(run="x"),
    "table of text": lambda c: c["tables"].__setitem__(0, "x"),
    "scale": lambda c: c.update(scale={"points": 600, "odds": 0, "doubles_every": 20}),
    "scale keys": lambda c: c.update(scale={"offset": 1}),
    "claim": lambda c: c.update(claim={"horizon_days": "365"}),
    "training": lambda c: c.update(training=3),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_under_a_valid_digest_is_refused(text, tmp_path, case: str) -> None:
    with pytest.raises(ModelFileError):
        load(tmp_path, resealed(text, HOSTILE[case]))


@pytest.mark.parametrize(
    "content",
    ["", "{}", "null", "[]", '{"content": {}, "digest": ""}', "\x00", deep(100_000),
     '{"content": NaN, "digest": "x"}', '{"content": {"a": 1e999}, "digest": "x"}'],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_model_is_refused(tmp_path, content: str) -> None:
    with pytest.raises(ModelFileError):
        load(tmp_path, content)


def test_a_pinned_digest_must_be_met(text, tmp_path) -> None:
    model = load(tmp_path, text)
    assert load_model(tmp_path / "m.alicredit", digest=model.model_id).model_id == model.model_id
    with pytest.raises(ModelFileError, match="digest"):
        load_model(tmp_path / "m.alicredit", digest="0" * 64)


def test_a_file_that_is_too_large_or_absent_is_refused(tmp_path) -> None:
    with pytest.raises(ModelFileError, match="exists"):
        load_model(tmp_path / "none.alicredit")
    big = tmp_path / "big.alicredit"
    with big.open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(ModelFileError, match="12 MB"):
        load_model(big)
