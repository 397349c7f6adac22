"""Every released format loads; the page on the format is enough to read a file."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from damage_judge import corpus, first_fault
from damage_stage import canonical, seal
from plain_reader import read, score
from portable_stage import SHAPES, make_model

from alicredit.errors import InputError, ModelFileError
from alicredit.policy import grade_of, load_policy
from alicredit.portable import limits as limits_of
from alicredit.portable import load_model

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "file-format.md"
SAMPLES = {
    "version_1": (1, "85ab1dea"),
    "version_2_points": (2, "7ee2258b"),
    "version_2_pairs": (2, "5e8da0de"),
    "version_2_trees": (2, "ddb71c79"),
}


def load(content: dict, folder: Path):
    path = folder / "model.alicredit"
    path.write_bytes(seal(canonical(content)))
    return load_model(path)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_of_every_format_loads_with_its_id_and_scores(name: str, tmp_path) -> None:
    path, (version, digest) = HERE / f"{name}.alicredit", SAMPLES[name]
    content, found = read(path)
    model = load_model(path, digest=found)
    assert found.startswith(digest)
    assert content["format_version"] == version
    assert (dict(model.reasons), model.grades) == ({}, ())
    assert first_fault(model, content, corpus(model)) == ""
    model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_each_version_has_its_own_keys(tmp_path) -> None:
    older = read(HERE / "version_2_pairs.alicredit")[0]
    make_model("pairs", 4).save(tmp_path / "new")
    newer = read(tmp_path / "new")[0]
    for content in (older | {"reasons": {}}, older | {"grades": [], "reasons": {}},
                    newer | {"format_version": 2}, newer | {"format_version": 4},
                    older | {"format_version": 3}, older | {"format_version": 1}):  # fmt: skip
        with pytest.raises(ModelFileError):
            load(content, tmp_path)


def test_texts_and_grades_come_back(tmp_path) -> None:
    model = make_model("trees", 4)
    graded = model.with_grades(load_policy("ali-2013").grades)
    assert graded.model_id != model.model_id
    graded.save(tmp_path / "graded")
    again = load_model(tmp_path / "graded")
    assert again == graded
    frame = again.score_frame(corpus(again))
    known = frame["pd"].dropna().to_numpy()
    marks = [next(name for name, highest in again.grades if pd_ <= highest) for pd_ in known]
    assert marks == grade_of(known, load_policy("ali-2013").grades).tolist()


BAD_WORDS = {
    "reasons": [None, [], {"NO_CODE": ["a", "b"]}, {"SC_OTHER": ["a"]}, {"SC_OTHER": "ab"},
                {"SC_OTHER": ["a", 1]}, {"SC_OTHER": ["a", "x" * 2000]}],
    "grades": [None, {}, [["A", 0.5]], [["A", 0.5], ["A", 1.0]], [["A", 0.5], ["B", 0.4]],
               [["A", 0.0], ["B", 1.0]], [["A", 1]], [["A"]], [[1, 1.0]], [["A", 0.5], ["B", 2.0]],
               [["A", 1.0, 2]], [[f"{k}", (k + 1) / 200] for k in range(200)]],
}  # fmt: skip


@pytest.mark.parametrize("key", BAD_WORDS)
def test_texts_and_grades_that_mean_nothing_are_refused(key: str, tmp_path) -> None:
    make_model("points", 4).save(tmp_path / "whole")
    content = read(tmp_path / "whole")[0]
    good = {"reasons": {"SC_OTHER": ["a", "b"]}, "grades": [["A", 0.5], ["B", 1.0]]}
    assert load(content | {key: good[key]}, tmp_path).shape == "points"
    for bad in BAD_WORDS[key]:
        with pytest.raises(ModelFileError):
            load(content | {key: bad}, tmp_path)


@pytest.mark.parametrize("grades", [None, "AB", ("A", 1.0), object()])
def test_what_are_no_grades_is_refused(grades) -> None:
    with pytest.raises(InputError, match="grades must"):
        make_model("points", 4).with_grades(grades)
    policy = load_policy("ali-2013").grades
    with pytest.raises(InputError, match="grades must"):
        make_model("points", 4).with_grades(replace(policy, upper_pd=policy.upper_pd[::-1]))


def test_the_pages_small_file_is_one(tmp_path) -> None:
    (text,) = re.findall(r"```json\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "small.alicredit"
    path.write_text(text + "\n", encoding="utf-8")
    model, (content, digest) = load_model(path), read(path)
    assert digest == model.model_id == hashlib.sha256(canonical(content)).hexdigest()
    for orders, points in ((10, 570), (10.000000000000002, 572), (None, None), (0, 570)):
        plain = score(content, {"orders_count_90d": orders})
        assert plain["score"] == model.score_one({"orders_count_90d": orders})["score"] == points
    model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_page_states_every_key_and_every_limit(tmp_path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for shape in SHAPES:
        make_model(shape, 4).save(tmp_path / shape)
        content = read(tmp_path / shape)[0]
        parts = [content, content["tables"][0], *content["pairs"][:1], content["trees"] or {}]
        for key in {key for part in parts for key in part}:
            assert f"`{key}`" in page, key
    stated = {int(n.replace(",", "")) for n in re.findall(r"\| ([\d,]+) \|\n", page)}
    named = {key: value for key, value in vars(limits_of).items() if key.startswith("MOST_")}
    named |= {key: getattr(limits_of, key) for key in ("LARGEST_MEGABYTES", "LARGEST_POINTS")}
    for key in named:
        assert named[key] in stated, key


def test_the_pages_rule_of_the_digest_is_the_only_way(tmp_path) -> None:
    make_model("pairs", 4).save(tmp_path / "whole")
    content = read(tmp_path / "whole")[0]
    body = canonical(content)
    other = copy.deepcopy(content)
    other["tables"][0]["title_zh"] = "名"
    assert load(other, tmp_path).tables[0].title_zh == "名"
    for text in (json.dumps(content), json.dumps(other, sort_keys=True, separators=(",", ":")),
                 body.decode().replace('"base":', '"base": ')):  # fmt: skip
        (tmp_path / "m").write_bytes(seal(text.encode()))
        with pytest.raises(ModelFileError):
            load_model(tmp_path / "m")
