"""A frame is taken by the names of its columns, whichever library made it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import alicredit as ac
from alicredit.errors import InputError

ROWS = 900


def make(seed: int = 5) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw numbers, whole numbers, flags and levels, some missing, and what they lead to."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "debt": rng.normal(size=ROWS),
            "late": rng.integers(0, 9, ROWS),
            "channel": rng.choice(["shop", "web site", "call"], ROWS),
            "is_new": rng.random(ROWS) < 0.4,
        }
    )
    chance = 1 / (1 + np.exp(2 - frame["debt"] - 0.3 * frame["late"] - frame["is_new"]))
    frame["debt"] = frame["debt"].mask(rng.random(ROWS) < 0.1)
    frame["channel"] = frame["channel"].mask(rng.random(ROWS) < 0.1)
    return frame, (rng.random(ROWS) < chance).to_numpy(float)


KINDS = {
    "polars": pl.from_pandas,
    "polars categories": lambda frame: pl.from_pandas(frame).with_columns(
        pl.col("channel").cast(pl.Categorical)
    ),
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "pyarrow codes": lambda frame: pa.Table.from_pandas(
        frame.astype({"channel": "category"}), preserve_index=False
    ),
    "pandas on arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
}
DIRECTED: dict[str, Any] = {"shape": "points", "directions": {"debt": 1, "late": 1}}


@pytest.fixture(scope="module")
def plain() -> ac.DefaultModel:
    frame, label = make()
    return ac.DefaultModel(**DIRECTED).fit(frame, label)


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_teaches_the_same_model_with_its_names(plain: ac.DefaultModel, kind: str) -> None:
    """By position the names were x0, x1: without directions, and lawful whatever they were."""
    frame, label = make()
    model = ac.DefaultModel(**DIRECTED).fit(KINDS[kind](frame), label)
    assert model.model_id == plain.model_id
    assert model.feature_names_in_.tolist() == list(frame.columns)


@pytest.mark.parametrize("kind", ["polars", "polars categories", "pyarrow", "pyarrow codes"])
def test_any_frame_gets_the_same_probabilities_in_any_order_of_columns(
    plain: ac.DefaultModel, kind: str
) -> None:
    frame, _ = make(6)
    given = KINDS[kind](frame[frame.columns[::-1]])
    assert np.array_equal(plain.predict_proba(given), plain.predict_proba(frame))


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
@pytest.mark.parametrize("name", ["marital_status", "psych_debt"])
def test_what_may_not_be_learned_from_is_refused_in_any_frame(kind: str, name: str) -> None:
    frame, label = make()
    sensitive = frame[["debt", "late"]].rename(columns={"late": name})
    with pytest.raises(InputError, match=name):
        ac.DefaultModel(shape="points").fit(KINDS[kind](sensitive), label)


def test_directions_of_columns_that_are_not_there_are_refused_in_any_frame() -> None:
    frame, label = make()
    with pytest.raises(InputError, match="'debts'"):
        ac.DefaultModel(directions={"debts": 1}).fit(pl.from_pandas(frame), label)


def test_a_table_with_a_name_twice_is_refused() -> None:
    frame, label = make()
    table = pa.table([frame["debt"], frame["late"]], names=["debt", "debt"])
    with pytest.raises(InputError, match="'debt' twice"):
        ac.DefaultModel(shape="points").fit(table, label)


class Frame:
    """A frame of a library that is not known."""

    columns = ("debt", "late")
    shape = (ROWS, 2)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return make()[0][["debt", "late"]].to_numpy(dtype)


def test_a_frame_of_an_unknown_kind_is_not_taken_by_position() -> None:
    with pytest.raises(InputError, match=r"X must be a frame.*found Frame.*pandas\.DataFrame"):
        ac.DefaultModel(shape="points").fit(Frame(), make()[1])


def test_a_model_alone_asks_for_a_frame_instead_of_a_table(plain: ac.DefaultModel) -> None:
    frame, _ = make(7)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pytest.raises(InputError, match=r"X must be a frame.*found Table.*to_pandas"):
        plain.portable_.score_frame(table)
