"""Every case of a row has one answer in every route, every case of a frame one in the batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from exports_stage import (
    FRAME_CASES,
    ROW,
    ROW_CASES,
    RowCase,
    answers_of,
    as_objects,
    good_frame,
    models,
    same,
)

from alicredit.errors import InputError
from alicredit.portable import ScoreModel

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "refusals.md"
MODELS = models()
CASES = [pytest.param(case, id=f"{at} {case.title}") for at, case in enumerate(ROW_CASES)]
Route = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def routes(model: ScoreModel) -> dict[str, Route]:
    """Give the ways that rows of any type can go."""
    file: dict[str, Any] = {"__name__": "vendored"}
    exec(compile(model.to_python(), "vendored.py", "exec"), file)  # noqa: S102
    return {
        "batch": lambda rows: answers_of(model.score_frame(as_objects(rows))),
        "one": lambda rows: [model.score_one(row) for row in rows],
        "Python file": lambda rows: [file["score"](row) for row in rows],
    }


ROUTES = {shape: routes(model) for shape, model in MODELS.items()}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", MODELS)
def test_a_row_case_is_told_as_the_corpus_says_in_every_route(shape: str, case: RowCase) -> None:
    rows = list(case.rows())
    answers = {name: route(rows) for name, route in ROUTES[shape].items()}
    for name, found in answers.items():
        for row, answer, first in zip(rows, found, answers["batch"], strict=True):
            assert (answer["status"], answer["flags"]) == (case.status, case.flags), (name, row)
            assert (answer["score"] is not None) == (case.status == "ok"), (name, row)
            assert same(answer, first), (name, row)


@pytest.mark.parametrize("shape", MODELS)
def test_one_bad_row_stops_none_of_the_others(shape: str) -> None:
    rows = [row for case in ROW_CASES for row in (*case.rows(), ROW)]
    want = MODELS[shape].score_one(ROW)
    for route in ROUTES[shape].values():
        found = route(rows)
        assert len(found) == len(rows)
        plain = [answer for row, answer in zip(rows, found, strict=True) if row is ROW]
        assert len(plain) == len(ROW_CASES)
        assert all(same(answer, want) for answer in plain)


@pytest.mark.parametrize(("title", "change", "words"), FRAME_CASES, ids=[c[0] for c in FRAME_CASES])
@pytest.mark.parametrize("shape", MODELS)
def test_a_frame_case_passes_or_is_refused_before_any_row_is_scored(
    shape: str, title: str, change, words: str
) -> None:
    model = MODELS[shape]
    frame = change(good_frame())
    if words:
        with pytest.raises(InputError) as refused:
            model.check_frame(frame)
        assert words in str(refused.value)
        return
    model.check_frame(frame)
    pd.testing.assert_frame_equal(model.score_frame(frame), model.score_frame(good_frame()))


def documented(heading: str) -> Iterator[tuple[str, ...]]:
    """Read the lines of the table under a heading of the document."""
    section = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.M)
    text = next(each for each in section if each.startswith(heading))
    lines = re.findall(r"^\|(.*)\|$", text, re.M)[2:]
    return (tuple(cell.strip() for cell in line.split("|")) for line in lines)


def test_the_document_lists_every_row_case_and_no_other() -> None:
    want = [
        (
            case.title,
            f"`{case.status}`",
            "the input" if case.is_flagged else "none",
            "the query stops" if case.is_typed else "the same",
        )
        for case in ROW_CASES
    ]
    assert list(documented("Rows")) == want


def test_the_document_lists_every_frame_case_and_no_other() -> None:
    want = [(title, "an error" if words else "passes") for title, _, words in FRAME_CASES]
    assert [line[:2] for line in documented("Frames")] == want
