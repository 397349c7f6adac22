"""One applicant asked alone is answered as its row of a frame, whatever is written in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.policy import load_policy
from alicredit.policy.applicants import COUNTED, _rows
from alicredit.policy.eligibility import find_rules
from alicredit.policy.facts import codes_of, column_of, completed_months, day_of, numbers_of
from alicredit.policy.limits import find_limits
from alicredit.policy.one_applicant import OneApplicant, OneColumn, doubles_of

POLICY = load_policy("ali-2013")
AS_OF = pd.Timestamp("2013-05-01")
ODD = [
    None, np.nan, pd.NA, pd.NaT, "", "no", "yes", True, False, 0, 1, -1, 0.0, -0.5, np.inf,
    np.float32(0.97), np.int64(3), np.bool_(True), 2**53 + 1, 10**400, 1j, Decimal("0.96"), "0.96",
    "taobao", "alibaba_b2b", "zhejiang", "paying", "2009-01-31", "2013-05-02", "31/01/2009",
    date(2012, 11, 1), datetime(2012, 11, 1, 9, tzinfo=UTC), pd.Timestamp("2012-10-31 17:00"),
    np.datetime64("2010-02-28"), b"taobao", ("a",),
]  # fmt: skip
FACTS = (
    "platform", "region", "membership", "registered_at", "shop_opened_at", "blacklisted",
    "days_past_due", "positive_rating_share", "violation_points_365d", "amount_asked", "city",
    "monthly_sales_median_180d", "order_base", "outstanding", "group_outstanding",
    "current_limit", "bank_inflows_median_180d",
)  # fmt: skip
APPLICANTS = st.dictionaries(st.sampled_from(FACTS), st.sampled_from(ODD) | st.floats(0, 1e7))


def frame_of(facts: dict) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in facts.items()},
                        index=[0])  # fmt: skip


@settings(max_examples=80)
@given(APPLICANTS)
def test_every_rule_answers_one_applicant_as_it_answers_the_row(facts) -> None:
    for product in POLICY.products.values():
        rows = [*find_rules(frame_of(facts), product, AS_OF, gates=POLICY.gates)]
        alone = [*find_rules(OneApplicant(facts), product, AS_OF, gates=POLICY.gates)]
        assert [rule.rule for rule in alone] == [rule.rule for rule in rows]
        for one, row in zip(alone, rows):
            assert one.outcome.tolist() == row.outcome.tolist(), one.rule
            assert one.codes.tolist() == row.codes.tolist()
            assert one.missing.tolist() == row.missing.tolist()
            assert one.threshold == row.threshold


@settings(max_examples=60)
@given(APPLICANTS, st.sampled_from([0.001, 0.012, 0.06, 0.5, np.nan]), st.floats(1, 3))
def test_a_limit_of_one_applicant_is_that_of_the_row(facts, chance, wider) -> None:
    pd_ = np.array([chance])
    upper = np.minimum(pd_ * wider, 1.0)
    for product in POLICY.active:
        row = find_limits(frame_of(facts), product, POLICY, pd_, upper=upper)
        one = find_limits(OneApplicant(facts), product, POLICY, pd_, upper=upper)
        assert one.fen.tolist() == row.fen.tolist()
        assert one.binding.tolist() == row.binding.tolist()
        np.testing.assert_array_equal(one.best, row.best)


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_column_of_one_value_is_as_pandas_has_it(value) -> None:
    one, many = OneColumn(value), pd.Series([value], dtype=object)
    assert one.isna().value == bool(many.isna().iloc[0])
    assert one.notna().value == bool(many.notna().iloc[0])
    assert one.isin(("taobao", "yes")).value == bool(many.isin(["taobao", "yes"]).iloc[0])
    assert doubles_of(one).tolist() == pytest.approx(doubles_of(many).tolist(), nan_ok=True)
    (at, texts), (row_at, row_texts) = codes_of(one), codes_of(many)
    assert at.tolist() == row_at.tolist()
    assert texts.tolist() == row_texts.tolist()
    both = one.notna() & OneColumn(True)
    assert both.value == one.notna().value
    assert (one.notna() & OneColumn(False)).value is False
    assert one.reset_index(drop=True) is one
    assert OneColumn("x").to_numpy().tolist() == ["x"]


def test_one_applicant_counts_as_one_and_lacks_what_is_not_given() -> None:
    one = OneApplicant({"region": "hunan", "city": None})
    assert len(one) == 1
    assert ("region" in one, "city" in one, "platform" in one) == (True, True, False)
    assert column_of(one, "platform").isna().value
    assert column_of(pd.DataFrame(index=range(3)), "platform").isna().tolist() == [True] * 3


@pytest.mark.parametrize(
    ("value", "most", "told"),
    [
        (0, np.inf, 0.0), (-1e-9, np.inf, np.nan), (np.inf, np.inf, np.nan), (1.0, 1.0, 1.0),
        (1.0000001, 1.0, np.nan), (True, 1.0, 1.0), ("7", np.inf, 7.0), ("seven", np.inf, np.nan),
        (2**53 + 1, np.inf, float(2**53)), (10**400, np.inf, np.nan), (1j, np.inf, np.nan),
    ],
)  # fmt: skip
def test_a_number_is_taken_within_its_bounds_and_is_unknown_outside(value, most, told) -> None:
    for given_ in (OneApplicant({"x": value}), frame_of({"x": value})):
        found = numbers_of(given_, "x", most=most).tolist()
        assert found == pytest.approx([told], nan_ok=True)


def months_by_steps(begun: date, end: date) -> float:
    """Count months one at a time: each is over on its day, or on the month's last day."""
    if begun > end:
        return float("nan")
    count = 0
    while True:
        year, month = divmod(begun.year * 12 + begun.month + count, 12)
        last = (pd.Timestamp(year, month + 1, 1) + pd.offsets.MonthEnd(0)).day
        if date(year, month + 1, min(begun.day, last)) > end:
            return float(count)
        count += 1


@settings(max_examples=80)
@given(
    st.dates(date(2011, 1, 1), date(2014, 12, 31)), st.dates(date(2012, 1, 1), date(2013, 12, 31))
)
def test_completed_months_are_those_counted_one_by_one(begun, end) -> None:
    want, moment = months_by_steps(begun, end), pd.Timestamp(end)
    for column in (OneColumn(begun), OneColumn(begun.isoformat()), pd.Series([begun]),
                   pd.Series(pd.to_datetime([begun]))):  # fmt: skip
        assert completed_months(column, moment).tolist() == pytest.approx([want], nan_ok=True)


def test_a_shop_of_the_last_day_of_august_is_six_months_old_at_the_end_of_february() -> None:
    for start, end, months in (  # DOMAIN 6.10 and 1.3
        ("2012-08-31", "2013-02-28", 6.0), ("2012-08-31", "2013-02-27", 5.0),
        ("2011-03-15", "2013-03-15", 24.0), ("2011-03-15", "2013-03-14", 23.0),
        ("2013-03-01", "2013-03-01", 0.0), ("2013-03-02", "2013-03-01", np.nan),
    ):  # fmt: skip
        for column in (OneColumn(start), pd.Series([start])):
            found = completed_months(column, pd.Timestamp(end)).tolist()
            assert found == pytest.approx([months], nan_ok=True)


def test_a_moment_elsewhere_is_the_day_it_is_here() -> None:
    late = datetime(2012, 10, 31, 16, tzinfo=UTC)  # midnight of 1 November in Shanghai
    assert day_of(late) == pd.Timestamp("2012-11-01")
    zoned = pd.Series(pd.to_datetime([late]))
    assert completed_months(zoned, pd.Timestamp("2013-05-01")).tolist() == [6.0]
    assert completed_months(OneColumn(late), pd.Timestamp("2013-05-01")).tolist() == [6.0]
    for none in ("soon", 2009, True, None, np.nan, pd.NaT, "2009-02-30"):
        assert day_of(none) is pd.NaT


def test_what_is_counted_already_is_whole_or_refused_by_name() -> None:
    cohort = Cohort.from_frame(
        pd.DataFrame({"merchant_id": ["a", "b"], "as_of": pd.to_datetime(["2013-01-01"] * 2)})
    )
    group = COUNTED[1]
    whole = pd.DataFrame({name: [1, 2] for name in group})
    assert _rows(cohort, whole)[list(group)].to_numpy().tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert _rows(cohort, None).columns.tolist() == ["row"]
    with pytest.raises(InputError, match="a row for each of 2 questions; found 1 rows"):
        _rows(cohort, whole.head(1))
    with pytest.raises(InputError, match=f"must have all of {', '.join(group)}, or none"):
        _rows(cohort, whole[[group[0]]])
    with pytest.raises(InputError, match="but those that are counted; found 'sold_fne'"):
        _rows(cohort, whole.assign(sold_fne=1))
