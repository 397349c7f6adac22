"""How late merchants are at a moment, held to the replay of each loan day by day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import RecordError
from alicredit.ledger import days_past_due_at, read_postings, replay
from alicredit.policy import build_applicants
from alicredit.records.bounds import Bound

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
DAY = pd.Timedelta(days=1)
MOMENTS = pd.to_datetime(["2012-06-01", "2012-09-15", "2013-01-01"])


def make_book(seed: int, size: int = 60) -> dict[str, pd.DataFrame]:
    """Lend in parts with fees; payments come late, short or not, and say much or little."""
    rng = np.random.default_rng(seed)
    lent = pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.integers(0, 120, size), unit="D")
    ids = [f"l{k}" for k in range(size)]
    loans = pd.DataFrame({
        "loan_id": ids, "merchant_id": rng.choice([f"m{k}" for k in range(20)], size),
        "product_id": "p", "principal": 1_200.0, "rate": 0.0005, "disbursed_at": lent,
        "due_at": lent + 180 * DAY,
    })  # fmt: skip
    dues, paid = [], []
    for loan, start in zip(ids, lent):
        fee, stops = int(rng.choice([0, 3_000])), int(rng.choice([2, 5, 6, 6, 6]))
        for n in range(1, 7):
            at = start + 30 * n * DAY
            dues.append((loan, at, 20_000, 1_000, fee * (n == 1)))
            if n <= stops:
                kind = rng.integers(3)
                late = int(rng.choice([0, 0, 5, 40])) * DAY
                whole = 210.0 + fee * (n == 1) / 100 * rng.integers(2)
                paid.append((loan, at + late + pd.Timedelta(hours=9), whole,
                             200.0 if kind == 0 else np.nan, 10.0 if kind else np.nan))  # fmt: skip
    return {
        "merchants": pd.DataFrame({"merchant_id": [f"m{k}" for k in range(20)],
                                   "platform": "taobao",
                                   "registered_at": pd.Timestamp("2010-01-01")}),
        "loans": loans,
        "instalments": pd.DataFrame(
            dues, columns=["loan_id", "due_at", "principal", "interest", "fee"]
        ),
        "repayments": pd.DataFrame(
            paid, columns=["loan_id", "at", "amount", "principal", "interest"]
        ),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_days_are_those_of_the_replay_of_every_loan(seed: int) -> None:
    book = make_book(seed)
    records = ac.read_records(book)
    states = replay(read_postings(records), MOMENTS - DAY)
    states = states.merge(book["loans"][["loan_id", "merchant_id"]], on="loan_id",
                          suffixes=("", "_"))  # fmt: skip
    worst = states.groupby(["merchant_id", "day"])["days_past_due"].max()
    asked = pd.DataFrame(
        [(f"m{k}", at) for at in MOMENTS for k in range(20)], columns=["merchant_id", "as_of"]
    )
    found = days_past_due_at(records, asked)
    place = list(zip(asked["merchant_id"], asked["as_of"] - DAY))
    wanted = worst.reindex(place).fillna(0).to_numpy()
    late = wanted > 0
    assert found.to_numpy()[late].tolist() == (wanted[late] + 1).tolist()
    assert set(found.to_numpy()[~late]) <= {0.0, 1.0}
    assert 10 < late.sum() < 55
    twice = days_past_due_at(records, pd.concat([asked, asked[::2]], ignore_index=True))
    assert twice.tolist() == [*found, *found[::2]]


@pytest.mark.parametrize("seed", range(2))
def test_a_loan_that_is_repaid_changes_no_day(seed: int) -> None:
    book = make_book(seed)
    asked = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(20)], "as_of": MOMENTS[2]})
    before = days_past_due_at(ac.read_records(book), asked)
    more = book["loans"].assign(loan_id="again-" + book["loans"]["loan_id"])
    back = pd.DataFrame({"loan_id": more["loan_id"], "at": MOMENTS[1], "amount": 1_300.0,
                         "principal": 1_200.0, "interest": 100.0})  # fmt: skip
    dues = book["instalments"].assign(loan_id="again-" + book["instalments"]["loan_id"])
    added = {
        "loans": pd.concat([book["loans"], more]),
        "instalments": pd.concat([book["instalments"], dues]),
    }
    paid = {"repayments": pd.concat([book["repayments"], back])}
    after = days_past_due_at(ac.read_records(book | added | paid), asked)
    assert after.tolist() == before.tolist()
    unpaid = days_past_due_at(ac.read_records(book | added), asked)
    assert (unpaid > 100).sum() == more["merchant_id"].nunique()


@pytest.mark.parametrize("ask", [build_applicants, lambda r, c: days_past_due_at(r, c.frame)])
def test_memory_that_is_too_small_is_not_told_as_money(ask, tmp_path: Path) -> None:
    records = ac.read_records(SAMPLE)
    cohort = ac.Cohort.at(records, "2013-01-01")
    with pytest.raises(RecordError, match=r"within the memory that is given.*give more memory"):
        ask(records.within(Bound(1_500_000, str(tmp_path))), cohort)
