"""Bins place every value once, where a loop would; columns are read as what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refused import refused

from alicredit.errors import InputError
from alicredit.monitoring.summary import (
    LEVELS,
    Line,
    MonitoringRules,
    above,
    below,
    cannot_tell,
    judge_claims,
    lay_out,
)
from alicredit.stability.bins import (
    Bins,
    grade_bins,
    number_owners,
    quantile_bins,
    read_grades,
    read_values,
)

VALUES = st.lists(st.one_of(st.floats(-50, 50), st.just(float("nan"))), min_size=1, max_size=50)
EDGES = st.lists(st.floats(-50, 50), max_size=8, unique=True).map(lambda each: tuple(sorted(each)))


@given(VALUES, EDGES)
def test_a_number_stands_up_to_and_including_its_edge(values, edges) -> None:
    bins = Bins(edges)
    for value, at in zip(values, bins.place(np.array(values)), strict=True):
        if np.isnan(value):
            assert at == len(edges) + 1
        else:
            assert at == sum(1 for edge in edges if edge < value)
    assert len(bins.names) == bins.size == len(edges) + 2
    assert bins.count(np.array(values)).sum() == len(values)


@given(st.lists(st.sampled_from(["a", "b", "c", "new", None]), min_size=1, max_size=40))
def test_a_text_stands_with_its_level_the_rest_or_the_missing(values) -> None:
    bins = Bins(levels=("c", "a", "b"))
    want = {"c": 0, "a": 1, "b": 2, "new": 3, None: 4}
    assert bins.place(np.array(values, dtype=object)).tolist() == [want[v] for v in values]
    assert bins.names == ["c", "a", "b", "(other)", "(missing)"]


@given(VALUES, st.integers(2, 15))
def test_quantile_bins_are_never_empty_and_never_more_than_asked(values, bins: int) -> None:
    array = np.array(values)
    cuts = quantile_bins(array, bins)
    counts = cuts.count(array)
    known = int((~np.isnan(array)).sum())
    assert cuts.size - 1 <= max(bins, 1)
    assert counts[-1] == len(array) - known
    if known:
        assert (counts[:-1] > 0).all()
    assert set(cuts.edges) <= set(array[~np.isnan(array)].tolist())


@given(VALUES, st.integers(2, 15), st.floats(0.1, 100))
def test_what_is_beyond_a_tied_end_stands_alone(values, bins: int, far: float) -> None:
    array = np.array(values)
    known = array[~np.isnan(array)]
    cuts = quantile_bins(array, bins, open_ends=True)
    counts = cuts.count(array)
    assert counts.sum() == len(array)
    assert len(cuts.names) == cuts.size
    if not len(known):
        return
    for end, beyond in ((known.min(), known.min() - far), (known.max(), known.max() + far)):
        is_tied = (known == end).mean() >= 1 / bins
        assert (counts[cuts.place(np.array([beyond]))[0]] == 0) == is_tied
    inner = quantile_bins(array, bins)
    assert set(inner.edges) <= set(cuts.edges)
    assert sorted(counts[counts > 0]) == sorted(n for n in inner.count(array) if n)


def test_a_constant_reference_sees_what_is_beyond_it() -> None:
    cuts = quantile_bins(np.full(50, 600.0), 10, open_ends=True)
    assert cuts.names == ["below 600", "[600, 600]", "above 600", "(missing)"]
    assert cuts.place(np.array([599.0, 600.0, 601.0, np.nan])).tolist() == [0, 1, 2, 3]
    zero = quantile_bins(np.r_[np.zeros(30), np.arange(1.0, 31)], 3, open_ends=True)
    assert zero.names[:2] == ["below 0", "[0, 0]"]
    assert zero.place(np.array([-1e-9, 0.0])).tolist() == [0, 1]


def test_names_of_bins_are_what_a_person_reads() -> None:
    assert Bins().names == ["any", "(missing)"]
    assert Bins((1.5,)).names == ["up to 1.5", "above 1.5", "(missing)"]
    assert Bins((1.0, 2000000.0)).names[1] == "(1, 2e+06]"


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 0, 1]),
        pd.Series([True, False, True]),
        pd.Series([1.0, 0.0, 1.0], dtype="float32"),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([True, False, True], dtype="boolean"),
        pd.Series([1, 0.0, True], dtype=object),
        [1, 0, 1],
        np.array([1, 0, 1], dtype=np.uint8),
    ],
)
def test_numbers_of_any_kind_are_read_as_float64(column) -> None:
    found = read_values("x", column)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("absent", [None, np.nan, pd.NA, pd.NaT, float("nan")])
def test_what_is_missing_is_missing_in_numbers_and_texts(absent) -> None:
    numbers = read_values("x", pd.Series([1.0, absent], dtype=object), as_text=False)
    assert np.isnan(numbers[1])
    texts = read_values("x", pd.Series(["a", absent], dtype=object))
    assert texts.tolist() == ["a", None]
    nothing = read_values("x", pd.Series([absent, absent], dtype=object))
    assert np.isnan(nothing).all()
    assert read_values("x", pd.Series([np.nan, np.nan]), as_text=True).tolist() == [None, None]


@pytest.mark.parametrize(
    ("column", "as_text"),
    [
        ([1.0, np.inf], None),
        ([1.0, -np.inf], False),
        (["a", 1], None),
        (["a"], False),
        ([1.0], True),
        ([1 + 2j], None),
        ([pd.Timestamp("2013-01-01")], None),
        ([pd.Timedelta(days=1)], False),
        ([[1], [2]], True),
    ],
)
def test_columns_that_are_neither_are_refused_by_name(column, as_text) -> None:
    values = pd.Series(column, dtype=object) if isinstance(column[0], list) else column
    with refused("current['x']", error=InputError):
        read_values("current['x']", values, as_text=as_text)


def test_grades_are_those_listed_or_missing() -> None:
    assert read_grades("g", ["B", None, "A"], ["A", "B"]).tolist() == ["B", None, "A"]
    assert read_grades("g", pd.Categorical(["B", "A"]), ["A", "B"]).tolist() == ["B", "A"]
    with refused("g must be of the grades A, B", error=InputError):
        read_grades("g", ["C"], ["A", "B"])
    with refused("g must hold names", error=InputError):
        read_grades("g", [1, 2], ["A", "B"])


@pytest.mark.parametrize("grades", ["AB", [], ["A", "A"], [1, 2], [None]])
def test_a_scale_is_a_list_of_different_texts(grades) -> None:
    with refused("grades", error=InputError):
        grade_bins(grades)


@given(st.lists(st.sampled_from(["m1", "m2", "m10", "z"]), min_size=1, max_size=30), st.randoms())
def test_merchants_are_numbered_by_name_whatever_the_order(names, random) -> None:
    found = number_owners("who", names, len(names))
    assert found.tolist() == [sorted(set(names)).index(each) for each in names]
    mixed = list(range(len(names)))
    random.shuffle(mixed)
    again = number_owners("who", [names[k] for k in mixed], len(names))
    assert again.tolist() == [found[k] for k in mixed]


def test_levels_run_from_best_to_worst() -> None:
    assert above("population", "all", 0.3, (0.1, 0.2)).level == "red"
    assert above("population", "all", 0.2, (0.1, 0.2)).level == "amber"
    assert above("population", "all", 0.1, (0.1, 0.2)).level == "green"
    assert below("shape", "all", 0.0005, (0.05, 0.001)).level == "red"
    assert below("shape", "all", 0.001, (0.05, 0.001)).level == "amber"
    assert below("shape", "all", 0.05, (0.05, 0.001)).level == "green"
    assert cannot_tell("shape", "all", "few_rows").level == "unknown"
    for value, bounds in ((np.nan, (0.1, 0.2)), (0.3, (np.nan, 0.2)), (0.3, (0.1, np.nan))):
        assert above("population", "all", value, bounds).level == "unknown"
    assert LEVELS == ("green", "unknown", "amber", "red")


def test_lines_are_written_for_an_officer() -> None:
    lines = [
        Line("features", "all", 2.0, 0.0, "amber", ("sales", "visits")),
        Line("population", "2013Q1", 0.0123, 0.04, "green"),
        cannot_tell("population", "2013Q2", "few_rows"),
    ]
    frame = lay_out(lines)
    assert frame["message"].tolist() == [
        "features that moved, number: 2 against 0 (sales, visits)",
        "scores moved from the reference, PSI: 0.0123 against 0.04",
        "scores moved from the reference, PSI: too few rows to tell",
    ]
    assert frame["message_zh"].tolist() == [
        "发生漂移的特征数：2，阈值 0（sales, visits）",
        "分数分布偏离参照，PSI：0.0123，阈值 0.04",
        "分数分布偏离参照，PSI：行数过少，无法判断",
    ]
    assert (frame["action"] != "").tolist() == [True, False, False]
    assert lay_out([]).columns.tolist() == frame.columns.tolist()


def claims(jeffreys: list[float], rows: int = 100) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make what a comparison of claims and outcomes gives, with chosen chances."""
    names = [f"2013Q{k + 1}" for k in range(len(jeffreys))]
    grades = pd.DataFrame(
        [(name, grade, rows, 10, p) for name, p in zip(names, jeffreys, strict=True)
         for grade in ("A", "all")],
        columns=["period", "grade", "rows", "immature", "jeffreys_p"],
    )  # fmt: skip
    periods = pd.DataFrame(
        {"period": names, "shape_p": 0.5, "spiegelhalter_p": 0.5, "auc_low": 0.7,
         "auc_high": 0.9, "rows": rows, "defaults": 10, "decline_p": np.nan}
    )  # fmt: skip
    return grades, periods


@pytest.mark.parametrize(
    ("chances", "want"),
    [
        ([0.04], ["amber"]),
        ([0.04, 0.5], ["green", "green"]),
        ([0.02, 0.5], ["amber", "green"]),
        ([0.0008], ["red"]),
        ([0.0008, 0.5], ["amber", "green"]),
        ([0.0004, 0.5], ["red", "green"]),
        ([0.06], ["green"]),
    ],
)
def test_a_chance_is_judged_for_how_many_periods_are_asked(chances, want) -> None:
    lines = judge_claims(*claims(chances), MonitoringRules())
    assert [each.level for each in lines if each.check == "level_low"] == want


def test_a_claim_that_is_too_high_is_never_red() -> None:
    lines = judge_claims(*claims([1.0]), MonitoringRules())
    assert [each.level for each in lines if each.check == "level_high"] == ["amber"]


def test_periods_with_few_rows_are_not_judged() -> None:
    lines = judge_claims(*claims([0.0001], rows=49), MonitoringRules())
    assert [(each.check, each.level, each.why) for each in lines] == [
        ("outcomes", "unknown", "few_rows")
    ]
    lines = judge_claims(*claims([0.0001], rows=49), MonitoringRules(fewest_rows=49))
    assert {each.check: each.level for each in lines}["level_low"] == "red"
    assert next(each for each in lines if each.check == "outcomes").value == 49 / 59


@pytest.mark.parametrize(
    ("low", "high", "defaults", "level"),
    [
        (0.45, 0.9, 10, "unknown"),
        (0.45, 0.9, 29, "unknown"),
        (0.45, 0.9, 30, "amber"),
        (0.45, 0.9, 380, "unknown"),
        (0.2, 0.45, 10, "amber"),
        (0.51, 0.9, 10, "green"),
    ],
)
def test_a_ranking_by_few_defaults_is_off_only_where_it_is_upside_down(
    low: float, high: float, defaults: int, level: str
) -> None:
    grades, periods = claims([0.5], rows=400)
    periods = periods.assign(auc_low=low, auc_high=high, defaults=defaults)
    lines = judge_claims(grades, periods, MonitoringRules())
    assert [each.level for each in lines if each.check == "ranking"] == [level]
