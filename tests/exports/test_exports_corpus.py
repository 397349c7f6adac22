"""Every case of a row has one answer in every route, every case of a frame one in the batch."""

from __future__ import annotations

import pandas as pd
import pytest
from exports_stage import (
    FRAME_CASES,
    ROW_CASES,
    RowCase,
    answers_of,
    as_objects,
    good_frame,
    models,
    same,
)

from alicredit.errors import InputError

MODELS = models()
CASES = [pytest.param(case, id=f"{at} {case.title}") for at, case in enumerate(ROW_CASES)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", MODELS)
def test_a_row_case_is_told_as_the_corpus_says(shape: str, case: RowCase) -> None:
    model, rows = MODELS[shape], list(case.rows())
    batch = answers_of(model.score_frame(as_objects(rows)))
    for row, answer in zip(rows, batch, strict=True):
        assert (answer["status"], answer["flags"]) == (case.status, case.flags), row
        assert (answer["score"] is not None) == (case.status == "ok"), row
        assert same(answer, model.score_one(row)), row


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
