"""A model learned from the sample's records is the same model in every form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from exports_stage import answers_of, same

import alicredit as ac

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


@pytest.fixture(scope="module")
def sample() -> tuple[pd.DataFrame, pd.Series, ac.Cohort]:
    """Give features and outcomes of the sample's loans."""
    records = ac.read_records(SAMPLE)
    cohort = ac.Cohort.of_loans(records)
    labels = ac.label_defaults(records, cohort)
    known = labels.notna().to_numpy()
    cohort, y = cohort[known][::10], labels[known].iloc[::10].reset_index(drop=True)
    y.attrs = labels.attrs
    catalogue = ac.CATALOGUE.subset(ac.CATALOGUE.names[::5])
    return ac.build_features(records, cohort, catalogue=catalogue), y, cohort


def beside(model: ac.ScoreModel, X: pd.DataFrame) -> list[dict[str, Any]]:
    """Give rows of the sample, and those moved to the next floats beside cuts and far away."""
    rng = np.random.default_rng(4)
    rows = X.sample(min(len(X), 150), random_state=1).to_dict("records")
    cuts = {table.name: [*table.cuts, table.low, table.high] for table in model.tables}
    if model.trees is not None:
        for at, cut in zip(model.trees.feature, model.trees.cut, strict=True):
            cuts[model.tables[at].name].append(cut)
    numeric = [table.name for table in model.tables if table.kind == "numeric"]
    moved = []
    for row in rows:
        other = dict(row)
        for name in rng.choice(numeric, 6):
            cut = float(rng.choice(cuts[name]))
            near = (math.nextafter(cut, -math.inf), cut, math.nextafter(cut, math.inf), 1e300, None)
            other[name] = near[rng.integers(len(near))]
        moved.append(other)
    return [*rows, *moved]


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_the_file_of_a_learned_model_answers_as_its_batch(shape: str, sample, tmp_path) -> None:
    X, y, cohort = sample
    model = ac.DefaultModel(shape).fit(X, y, cohort=cohort)
    file: dict[str, Any] = {"__name__": "vendored"}
    exec(compile(model.to_python(tmp_path / "m.py"), "m.py", "exec"), file)  # noqa: S102
    model.save(tmp_path / "m.alicredit")
    assert ac.load_model(tmp_path / "m.alicredit").to_python() == model.to_python()
    rows = beside(model.portable_, X)
    batch = answers_of(model.score_frame(pd.DataFrame(rows)))
    for row, answer in zip(rows, batch, strict=True):
        assert same(answer, file["score"](row)), row
    assert any(answer["reasons"] for answer in batch)
    assert any(answer["flags"] for answer in batch)
    narrow = X.iloc[:50].select_dtypes("number").astype(np.float32)
    small = X.iloc[:50].assign(**{name: narrow[name] for name in narrow})
    found = [file["score"](row) for row in small.to_dict("records")]
    scored = answers_of(model.score_frame(small))
    assert all(same(a, b) for a, b in zip(scored, found, strict=True))
    assert {answer["status"] for answer in scored} == {"ok"}
