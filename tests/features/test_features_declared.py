"""What follows from a declaration: its window, its name, what it reads, what its digest holds."""

from __future__ import annotations

import dataclasses

import pytest

from alicredit.declarations import Catalogue, Feature
from alicredit.errors import FeatureError

DAY = 86_400_000_000
T = {"title": "x", "title_zh": "某"}
ORDERS = {"table": "orders", "aggregate": "count"}


def made(**given) -> Feature:
    return Feature(**(ORDERS | T | given))


@pytest.mark.parametrize(
    ("asked", "window", "name"),
    [
        ({}, (None, 0), "orders_count"),
        ({"window_days": 1}, (-DAY, 0), "orders_count_1d"),
        ({"window_days": 90}, (-90 * DAY, 0), "orders_count_90d"),
        ({"window_hours": 1}, (-DAY // 24, 0), "orders_count_1h"),
        ({"window_hours": 36}, (-DAY * 3 // 2, 0), "orders_count_36h"),
        ({"table": "loans", "time": "due_at", "ahead_days": 30}, (0, 30 * DAY),
         "loans_count_next_30d"),
    ],
)  # fmt: skip
def test_a_window_is_in_microseconds_from_the_moment(asked, window, name) -> None:
    feature = made(**asked)
    assert (feature.window, feature.name) == (window, name)


def test_a_column_is_listed_once_and_parts_with_their_support() -> None:
    feature = made(aggregate="share", where=(("amount", ">", 1), ("channel", "==", "ad")),
                   hit=(("amount", ">", 9),), time="paid_at", weight="")  # fmt: skip
    assert feature.columns == ("paid_at", "amount", "channel")
    ratio = Feature(aggregate="ratio", of=("a", "b"), support="b", label="r", **T)
    assert (ratio.parts, ratio.name, ratio.columns) == (("a", "b"), "r", ())
    assert made(counts_for="x").name == "x_n"


@pytest.mark.parametrize(
    ("aggregate", "measure", "is_zero"),
    [("count", "", True), ("sum", "amount", True), ("distinct", "buyer_id", True),
     ("active_days", "", True), ("mean", "amount", False), ("days_since", "", False),
     ("max", "amount", False), ("entropy", "category", False)],
)  # fmt: skip
def test_only_counts_and_sums_are_nothing_over_no_facts(aggregate, measure, is_zero) -> None:
    assert made(aggregate=aggregate, measure=measure).zero_when_empty is is_zero


def test_the_count_beside_a_feature_counts_the_facts_whose_measure_is_known() -> None:
    median = made(aggregate="median", measure="amount", window_days=90, min_support=5,
                  where=(("channel", "==", "ad"),))  # fmt: skip
    count = median.count()
    assert count.where == (("channel", "==", "ad"), ("amount", "set", None))
    assert (count.window, count.unit, count.min_support) == (median.window, "facts", 1)
    weekly = made(aggregate="cv", measure="amount", window_days=182, min_support=5)
    assert weekly.count().where == ()  # weeks without a fact count too
    plain = made(window_days=30, label="all")
    names = Catalogue((median, weekly, plain)).with_counts().names
    assert names == (median.name, count.name, weekly.name, f"{weekly.name}_n", plain.name)


def test_texts_change_no_definition_and_everything_else_does() -> None:
    plain = made(window_days=90)
    for name, value in {"title": "y", "title_zh": "乙", "unit": "z", "direction": 1, "expected": -1,
                        "code": "SC_RATING", "evidence": "A", "note": "n", "is_part": True,
                        }.items():  # fmt: skip
        other = dataclasses.replace(plain, **{name: value})
        assert Catalogue((other,)).digest == Catalogue((plain,)).digest
    for name, value in {"window_days": 91, "min_support": 2, "time": "paid_at", "label": "l",
                        "where": (("amount", ">", 1),), "counts_for": "c",
                        "restricted": True, "factor": 2.0}.items():  # fmt: skip
        other = dataclasses.replace(plain, **{name: value})
        assert Catalogue((other,)).digest != Catalogue((plain,)).digest


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"min_support": 0}, "min_support must be a whole number of at least 1"),
        ({"direction": -2}, "direction must be -1, 0 or \\+1"),
        ({"title": ""}, "title must be given"),
        ({"title": "x" * 201}, "title must have at most 200 letters"),
        ({"unit": "x" * 201}, "unit must have at most 200 letters"),
        ({"evidence": "D"}, "evidence must be one of 3 known words"),
        ({"hit": (("amount", ">", 1),)}, "hit must be given for share and nothing else"),
        ({"ahead_days": 0}, "ahead_days must be a whole number of at least 1"),
        ({"aggregate": "cv", "measure": "amount", "window_days": 8}, "must be whole weeks for cv"),
        ({"aggregate": "entropy", "measure": "category", "weight": "buyer_region"}, "place"),
        ({"time": "ship_hours"}, "time must be a column of times"),
        ({"aggregate": "mean", "measure": "category"}, "must be a number for mean"),
    ],
)
def test_what_lies_just_beyond_a_rule_is_refused(asked, says: str) -> None:
    with pytest.raises(FeatureError, match=says):
        made(**asked)


def test_what_lies_just_within_a_rule_is_taken() -> None:
    assert made(title="x" * 200, unit="y" * 200).title == "x" * 200
    assert made(title="x" * 300, counts_for="c").name == "c_n"  # a count's title may be longer
    assert made(aggregate="cv", measure="amount", window_days=7).window == (-7 * DAY, 0)
    assert made(aggregate="entropy", measure="buyer_region").measure == "buyer_region"
    assert made(where=(("buyer_region", "set", None),)).columns == ("buyer_region",)
    assert made(title_zh="").title_zh == "x"
