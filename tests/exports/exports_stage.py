"""The corpus that every route of one score is held to: models, rows within and without, frames.

A route is whatever gives a row's answer: the batch, one row, the Python file, SQL. A row case says
by hand what the answer's status and flags must be; scores are compared between the routes.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from portable_stage import KINDS, LEVELS, make_model, with_specials

from alicredit.portable import PairTable, PointTable, ScoreModel
from alicredit.portable.file import sealed

ROW: Mapping[str, Any] = {"debt": 1.0, "sales": 1.5, "age": -1.0, "flag": True, "kind": "a"}
"""A plain row of the models below: each value seen in training (numbers lie in -5 ... 5)."""
HOSTILE_NAMES = {
    "debt": "de'bt\"; DROP TABLE x; --",
    "sales": "销售额\\n\n{0}%s",
    "age": '"""\nimport os  # ',
    "flag": "class",
    "kind": "<script>&amp;\u202e",
}
"""Names that would break out of a text that does not escape them."""
HOSTILE_LEVELS = ("a' OR '1'='1", 'b"\\', "</td>\n{x}")


def models() -> dict[str, ScoreModel]:
    """Give models of all shapes over the same inputs, of enough training rows to know a unit."""
    drawn = {
        "points": make_model("points", 3),
        "points in thousandths": make_model("points", 4, unit=1000),
        "pairs": make_model("pairs", 5),
        "trees": make_model("trees", 8, trees=6),
        "points with codes": with_specials(make_model("points", 6)),
        "pairs with codes": with_specials(make_model("pairs", 7)),
        "trees with codes": with_specials(make_model("trees", 9, trees=6)),
    }
    return {shape: _with_rows(model) for shape, model in drawn.items()}


def _with_rows(model: ScoreModel) -> ScoreModel:
    """Give every table hundreds of training rows."""
    tables = (replace(t, rows=tuple(each + 100 for each in t.rows)) for t in model.tables)
    return sealed(replace(model, tables=tuple(tables)))


def hostile(model: ScoreModel) -> ScoreModel:
    """Give the same model under hostile names and levels."""

    def table(own: PointTable) -> PointTable:
        levels = HOSTILE_LEVELS if own.kind == "category" else ()
        texts = {"title": HOSTILE_NAMES["age"], "unit": HOSTILE_NAMES["debt"]}
        return replace(own, name=HOSTILE_NAMES[own.name], levels=levels, **texts)

    def pair(own: PairTable) -> PairTable:
        return replace(own, first=HOSTILE_NAMES[own.first], second=HOSTILE_NAMES[own.second])

    return sealed(
        replace(
            model,
            tables=tuple(map(table, model.tables)),
            pairs=tuple(map(pair, model.pairs)),
            training={HOSTILE_NAMES["debt"]: HOSTILE_NAMES["age"], HOSTILE_NAMES["age"]: 1},
        )
    )


def hostile_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row of a hostile model."""
    levels = dict(zip(LEVELS, HOSTILE_LEVELS, strict=True))
    return {
        HOSTILE_NAMES[name]: levels.get(value, value) if name == "kind" else value
        for name, value in row.items()
    }


@dataclass(frozen=True)
class RowCase:
    """Values put into the plain row, one after the other, each with the same answer.

    Parameters
    ----------
    title : str
        The line of the table in the documentation.
    name : str
        The input that the values are put into.
    values : tuple
        Any of which is the case.
    status : str
        What the row's status must be.
    is_flagged : bool, default False
        Whether the row's flags must name the input.
    others : mapping, default empty
        Values of other inputs.
    """

    title: str
    name: str
    values: tuple[Any, ...]
    status: str = "ok"
    is_flagged: bool = False
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_typed(self) -> bool:
        """Tell whether a table's column, which has one type, cannot hold it: the query stops."""
        is_text = any(isinstance(value, str) and value == "x" for value in self.values)
        return self.status == "bad_type" or is_text

    @property
    def flags(self) -> list[str]:
        """Give what the row's flags must be."""
        return [self.name] if self.is_flagged else []

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give a row for each value."""
        return ({**ROW, **self.others, self.name: value} for value in self.values)


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


class Whole(int):
    """A whole number of a class of its own."""


NOTHING = (None, math.nan, float("-nan"), np.float64("nan"), np.float32("nan"), pd.NA, pd.NaT)
TEXTS = ("1", "", "abc", "NaN", "None", np.str_("1"), Text("1"), b"1")
OBJECTS = (
    [1.0], (1.0,), {}, object(), 1j, Decimal(1), Fraction(1, 2), dt.date(2013, 5, 1),
    dt.timedelta(1), np.timedelta64(1, "D"), np.datetime64("2013-05-01"), np.array([1.0]),
    np.array(1.0), np.complex128(1), pd.Timestamp("2013-05-01"), pd.Timedelta(1, "D"),
)  # fmt: skip
INFINITE = (
    math.inf, -math.inf, np.float32("inf"), np.float64("-inf"), 10**400, -(10**400),
    np.longdouble("inf"),
)  # fmt: skip
GREAT = (
    1e300, 2**53 + 1, 2**63, 10**300, np.uint64(2**64 - 1), np.int64(2**62 + 1),
    float(np.nextafter(5.0, 6)), np.float32(5.5), np.longdouble(6), Whole(6), np.int8(6),
)  # fmt: skip
SMALL = (-1e300, -(2**53) - 1, float(np.nextafter(-5.0, -6)), np.float16(-5.5), -6)

ROW_CASES = (
    RowCase("a number within the range seen", "debt", (
        -5.0, 5.0, 0.0, -0.0, 5e-324, 3, np.int16(3), np.uint8(3), np.float32(0.1),
        np.float64(0.1), np.float16(1.5), np.longdouble(2), Whole(2),
    )),
    RowCase("a number above or below the range seen", "debt", (*GREAT, *SMALL), "ok", True),
    RowCase("a missing number", "debt", NOTHING),
    RowCase("text for a number", "debt", TEXTS, "bad_type"),
    RowCase("true or false for a number", "debt", (True, False, np.bool_(0)), "bad_type"),
    RowCase("another type for a number", "debt", OBJECTS, "bad_type"),
    RowCase("an infinite number", "debt", INFINITE, "bad_value"),
    RowCase("a flag of true, false, 1 or 0", "flag", (
        True, False, 1, 0, 1.0, 0.0, -0.0, np.bool_(1), np.int8(1), np.float32(0), Whole(1),
    )),
    RowCase("a missing flag", "flag", NOTHING),
    RowCase("a flag of any other number", "flag", (
        0.5, 2, -1, 5e-324, math.nextafter(1, 2), *INFINITE, np.float32(0.5), np.int64(2),
    ), "bad_value"),
    RowCase("text or another type for a flag", "flag", (
        "true", "1", "", *OBJECTS, b"1",
    ), "bad_type"),
    RowCase("a level that was learned", "kind", ("a", "b", "c", np.str_("b"), Text("c"))),
    RowCase("a level never seen", "kind", ("z", "", "A", "a ", "ä", "None", "\ud800"), "ok", True),
    RowCase("a missing level", "kind", NOTHING),
    RowCase("anything but text for a category", "kind", (
        1, 1.0, True, math.inf, b"a", *OBJECTS, np.int64(1), np.bool_(1), Whole(1), 10**400,
    ), "bad_type"),
    RowCase("up to three quarters of the inputs missing", "debt", NOTHING, "ok", False, {
        "sales": None, "kind": None,
    }),
    RowCase("more than three quarters of the inputs missing", "debt", NOTHING, "too_many_missing",
        False, {"sales": None, "kind": None, "age": math.nan}),
    RowCase("two wrong inputs, a wrong type before a wrong value", "debt", ("x",), "bad_type",
        False, {"flag": 7, "age": math.inf}),
    RowCase("two wrong inputs, a wrong value before a wrong type", "flag", ("x",), "bad_value",
        False, {"age": math.inf}),
    RowCase("a wrong input beside a value outside the range", "debt", (99.0,), "bad_value",
        False, {"flag": 7}),
    RowCase("a wrong input among missing ones", "debt", ("x",), "bad_type", False, {
        "sales": None, "kind": None, "age": None, "flag": None,
    }),
)  # fmt: skip
"""Every row case: what a row can be, and what every route must say of it."""


def unlike_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the frame with a number's column all of text."""
    return frame.assign(debt="many")


FRAME_CASES: tuple[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str], ...] = (
    ("a plain frame", lambda X: X, ""),
    ("columns in another order", lambda X: X[list(reversed(X.columns))], ""),
    ("a column that the model does not take", lambda X: X.assign(more=1), ""),
    ("a column lacking", lambda X: X.drop(columns="age"), "must have the column 'age'"),
    ("a column renamed", lambda X: X.rename(columns={"age": "ages"}), "must have the column 'age'"),
    ("a column twice", lambda X: pd.concat([X, X[["age"]]], axis=1), "'age' once"),
    ("columns without names", lambda X: X.to_numpy(), "by name, not by position"),
    ("a whole column of another type", unlike_columns, "'debt' must hold numbers"),
    ("a whole column missing that training had", lambda X: X.assign(age=math.nan), "'age' must"),
    ("a unit 50 times off", lambda X: X.assign(debt=X["debt"].abs() * 1e4), "in the unit"),
)  # fmt: skip
"""Every frame case: what is done to a good frame, and the refusal's words; none where it passes."""


def good_frame(rows: int = 120) -> pd.DataFrame:
    """Give a frame of plain rows that passes the checks of a whole frame."""
    rng = np.random.default_rng(9)
    columns: dict[str, Any] = {
        name: rng.integers(0, 3, rows) / 2 for name in ("debt", "sales", "age")
    }
    columns["flag"] = rng.random(rows) < 0.5
    columns["kind"] = rng.choice(LEVELS, rows)
    return pd.DataFrame(columns)


def cuts_of(model: ScoreModel, name: str) -> list[float]:
    """List every cut of an input: in its table, its pairs and the trees."""
    at = model.feature_names.index(name)
    found = set(model.tables[at].cuts) | {model.tables[at].low, model.tables[at].high}
    found |= set(model.tables[at].specials)
    for pair in model.pairs:
        found |= set(pair.first_cuts if pair.first == name else ())
        found |= set(pair.second_cuts if pair.second == name else ())
    if model.trees is not None:
        each = zip(model.trees.feature, model.trees.cut, strict=True)
        found |= {cut for place, cut in each if place == at}
    return sorted(found)


def edge_values(model: ScoreModel, name: str) -> list[float]:
    """Give each cut of a number and the next floats on both sides of it."""
    return [
        value
        for cut in cuts_of(model, name)
        for value in (math.nextafter(cut, -math.inf), cut, math.nextafter(cut, math.inf))
    ]


def fixed_rows(model: ScoreModel, seed: int = 0, *, most: int = 400) -> list[dict[str, Any]]:
    """Draw rows within the contract: on and beside cuts, extreme, missing, unseen, random.

    Numbers are doubles or None, flags True, False or None, categories texts or None, so that every
    route can hold them.
    """
    rng = np.random.default_rng(seed)
    numbers = [name for name, (kind, _) in KINDS.items() if kind == "numeric"]
    rows = [dict(ROW), {**ROW, "kind": "z"}, {**ROW, "flag": None, "kind": None}]
    for name in numbers:
        for value in edge_values(model, name):
            rows += [{**ROW, name: value}, {**_drawn(rng), name: value}]
        wide = (-1e308, 1e308, 5e-324, -0.0, float(np.float32(0.1)), float(2**53 + 2), None)
        rows += [{**ROW, name: value} for value in wide]
    rows += [_drawn(rng) for _ in range(most)]
    return rows[:most]


def _drawn(rng: np.random.Generator) -> dict[str, Any]:
    """Draw one row."""

    def number() -> float | None:
        chosen = rng.integers(10)
        if chosen == 0:
            return None
        return float(rng.integers(-12, 13) / 2 if chosen < 6 else rng.normal(0, 4))

    return {
        "debt": number(),
        "sales": number(),
        "age": number(),
        "flag": (None, True, False)[rng.integers(3)],
        "kind": (None, *LEVELS, "z")[rng.integers(5)],
    }


def as_objects(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Lay rows out as a frame that keeps each value as it is."""
    columns = {}
    for name in rows[0]:
        column = np.empty(len(rows), dtype=object)
        for at, row in enumerate(rows):
            column[at] = row[name]
        columns[name] = pd.Series(column, dtype=object)
    return pd.DataFrame(columns)


def answers_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a scored frame as single answers are given."""
    found = frame.to_dict("records")
    for row in found:
        row["score"] = None if pd.isna(row["score"]) else int(row["score"])
    return found


def same(one: Mapping[str, Any], other: Mapping[str, Any], *, within: float = 0.0) -> bool:
    """Tell whether two answers are the same: PDs within a distance, all else exactly."""
    exact = ("status", "score", "reasons", "flags")
    numbers = ("pd", "pd_lower", "pd_upper")
    return all(one[key] == other[key] for key in exact) and all(
        (math.isnan(one[key]) and math.isnan(other[key])) or abs(one[key] - other[key]) <= within
        for key in numbers
    )
