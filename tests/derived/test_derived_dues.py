"""Each due against its payment: the ledger's answer, hand-made cases, and what was known when."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from derived_stage import features, on, one_loan

import alicredit as ac
from alicredit.derived import derive_tables
from alicredit.ledger import days_past_due_at, find_spells, read_postings

ON_TIME = "loan_dues_on_time_share_365d"
WORST = "days_late_max_365d"
OPEN = "loan_dues_open_principal_sum"
OVERDUE = "loan_dues_overdue_amount_sum"
AHEAD = "loan_dues_open_amount_sum_next_90d"


def dues(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    records = derive_tables(ac.read_records(tables), ["loan_dues"])
    return records["loan_dues"].to_pandas().sort_values("due_at", ignore_index=True)


@pytest.mark.parametrize(
    ("paid", "late"),
    [
        ([(29.9, 1000)], 0),
        ([(30.9, 1000)], 0),
        ([(31.0, 1000)], 1),
        ([(33.5, 1000)], 3),
        ([(10, 400), (20, 600)], 0),
        ([(10, 400), (36, 600)], 6),
        ([(10, 899)], None),
        ([(10, 900)], 0),  # a tenth of the principal may stay unpaid
        ([], None),
    ],
)
def test_a_due_is_as_late_as_its_last_needed_payment(
    paid: list[tuple[float, float]], late: float | None
) -> None:
    found = dues(one_loan(paid))["days_late"]
    assert found.isna().tolist() == [late is None]
    assert late is None or found.tolist() == [late]


def test_a_penalty_settles_no_due() -> None:
    tables = one_loan([(10, 1000)], penalty=[150.0], principal=1000.0)
    assert dues(tables)["days_late"].isna().all()


def test_payments_settle_the_oldest_dues_first_and_early_repayment_settles_all() -> None:
    plan = [(10, 50_000), (20, 30_000), (30, 20_000)]
    slow = dues(one_loan([(10, 500), (24, 300)], plan))
    assert slow["days_late"].tolist()[:2] == [0, 4]
    assert slow["days_late"].isna().tolist() == [False, False, True]
    early = dues(one_loan([(5, 1000)], plan))
    assert early["settled_at"].tolist() == [on(5)] * 3
    assert early["days_late"].tolist() == [0, 0, 0]


def test_what_was_settled_is_told_from_when_it_was_known() -> None:
    tables = one_loan([(29, 1000)], known_at=pd.to_datetime([on(40)]))
    before = features(tables, on(39), [ON_TIME, WORST, OPEN, OVERDUE])
    after = features(tables, on(41), [ON_TIME, WORST, OPEN, OVERDUE])
    assert before[[OPEN, OVERDUE]].tolist() == [1000, 1000]
    assert before[WORST] == 9  # the day it fell due was nine days ago
    assert after[[OPEN, OVERDUE, WORST]].tolist() == [0, 0, 0]


def test_a_loan_owes_all_at_its_end_until_instalments_are_known() -> None:
    tables = one_loan([], [(10, 50_000), (50, 50_000)])
    tables["instalments"]["known_at"] = on(40)
    names = [OVERDUE, OPEN, AHEAD]
    assert features(tables, on(35), names).tolist() == [1000, 1000, 0]
    assert features(tables, on(45), names).tolist() == [500, 1000, 500]


def test_what_falls_due_ahead_is_what_is_unpaid_and_known() -> None:
    plan = [(10, 50_000), (95, 30_000), (120, 20_000)]
    tables = one_loan([(8, 500)], plan)
    assert features(tables, on(9), [AHEAD])[AHEAD] == 300
    assert features(tables, on(6), [AHEAD])[AHEAD] == 800
    assert features(tables, on(40), [AHEAD])[AHEAD] == 500


@pytest.mark.parametrize("amount", [-5.0, 1e12, math.inf, math.nan])
def test_an_impossible_payment_gives_no_score_and_no_plausible_number(amount: float) -> None:
    tables = one_loan([(20, 500), (25, amount)], principal=1000.0)
    names = ["loan_dues_days_late_max_365d"]
    assert np.isnan(features(tables, on(24), names)).all()
    assert np.isinf(features(tables, on(50), names)).all()


def test_without_repayments_nothing_is_said_of_punctuality() -> None:
    tables = one_loan([(20, 1000)])
    del tables["repayments"]
    assert "loan_dues" not in derive_tables(ac.read_records(tables), ["loan_dues"])
    assert np.isnan(features(tables, on(50), [ON_TIME, WORST, OPEN, OVERDUE])).all()


@pytest.fixture(scope="module")
def platform() -> ac.Records:
    records, _ = ac.simulate_platform(150, seed=3, months=14, default_rate=0.2)
    return records


def test_lateness_is_the_ledgers(platform: ac.Records) -> None:
    mine = derive_tables(platform, ["loan_dues"])["loan_dues"].to_pandas()
    mine["due_day"] = mine["due_at"].dt.normalize().astype("datetime64[us]")
    mine["settled_day"] = mine["settled_at"].dt.normalize().astype("datetime64[us]")
    late = mine[mine["settled_day"].isna() | (mine["days_late"] > 0)]
    keys = ["loan_id", "due_day", "settled_day"]
    spells = find_spells(read_postings(platform)).frame[keys]
    assert len(spells) > 20
    assert spells["settled_day"].notna().any()
    pd.testing.assert_frame_equal(
        late[keys].sort_values(keys[:2], ignore_index=True),
        spells.sort_values(keys[:2], ignore_index=True),
        check_dtype=False,
    )


def test_days_since_the_oldest_open_due_are_the_ledgers_at_midnight(platform: ac.Records) -> None:
    last = platform.span[1].normalize()
    for back in (0, 45, 120):
        cohort = ac.Cohort.at(platform, last - pd.Timedelta(back, "D"))
        open_days = ac.build_features(
            platform, cohort, catalogue=ac.CATALOGUE.subset(["loan_dues_open_days_since_first"])
        )["loan_dues_open_days_since_first"]
        expected = days_past_due_at(platform, cohort.frame)
        assert expected.max() > 0
        assert open_days.fillna(0).tolist() == expected.tolist()
