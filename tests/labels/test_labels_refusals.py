"""A label that cannot be told is refused or missing, never a good one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from refused import refused

import alicredit as ac
from alicredit.errors import InputError, RecordError
from alicredit.labels import DefaultDefinition, label_defaults, label_status

DAY = pd.Timestamp("2012-01-01")
UNTIL = "2015-01-01"


def records(**columns: object) -> ac.Records:
    merchants = pd.DataFrame({"merchant_id": ["m", "n"], "platform": "taobao"})
    merchants["registered_at"] = pd.Timestamp("2010-01-01")
    plain = {
        "loan_id": ["l", "k"],
        "merchant_id": ["m", "n"],
        "product_id": "taobao_order",
        "principal": 5000.0,
        "rate": 0.0005,
        "disbursed_at": [DAY, DAY],
        "due_at": [DAY + pd.Timedelta(days=30)] * 2,
    }
    return ac.read_records({"merchants": merchants, "loans": pd.DataFrame(plain | columns)})


@pytest.fixture(scope="module")
def plain() -> ac.Records:
    return records()


@pytest.mark.parametrize("given", [None, "data", {}, 3], ids=repr)
def test_labels_come_from_records(given, plain) -> None:
    with refused("records", error=RecordError):
        label_defaults(given, ac.Cohort.of_loans(plain))


@pytest.mark.parametrize("given", [None, "m", pd.DataFrame({"merchant_id": ["m"]})], ids=repr)
def test_labels_are_of_a_cohort(given, plain) -> None:
    for ask in (label_defaults, label_status):
        with refused("cohort", error=InputError):
            ask(plain, given)


@pytest.mark.parametrize("given", ["strict", {"horizon_days": 365}, 90, True], ids=repr)
def test_a_definition_is_one(given, plain) -> None:
    with refused("definition", error=InputError):
        label_defaults(plain, ac.Cohort.of_loans(plain), definition=given)


@pytest.mark.parametrize("until", ["soon", "01/02/2013", 2013, pd.Timestamp("2013", tz="UTC")])
def test_the_end_of_records_is_a_time(until, plain) -> None:
    with refused("observed_until", error=InputError):
        label_defaults(plain, ac.Cohort.of_loans(plain), observed_until=until)


@pytest.mark.parametrize(
    "keywords",
    [
        {"days_past_due": 0},
        {"days_past_due": 1.5},
        {"days_past_due": True},
        {"days_past_due": 10**9},
        {"horizon_days": "365"},
        {"horizon_days": None},
        {"horizon_days": 10**9},
        {"level": "loan"},
        {"level": None},
        {"material_fen": -1},
        {"material_share": float("nan")},
        {"material_share": 1.5},
        {"probation_days": -1},
        {"probation_days": 10**9},
        {"restructure_probation_days": 2.5},
    ],
    ids=str,
)
def test_a_definition_without_meaning_is_refused(keywords) -> None:
    with refused(next(iter(keywords)), error=InputError):
        DefaultDefinition(**keywords)


@pytest.mark.parametrize("product", ["order", None, 3, ""], ids=repr)
def test_a_product_without_a_definition_is_refused(product) -> None:
    with refused("product", error=InputError):
        DefaultDefinition.of_product(product)
    with refused("purpose", error=InputError):
        DefaultDefinition.of_product("taobao_order", purpose="marketing")


@pytest.mark.parametrize("level", ["borrower", "facility"])
def test_a_loan_that_the_records_do_not_hold_is_refused_not_good(plain, level: str) -> None:
    frame = ac.Cohort.of_loans(plain).frame.assign(loan_id=["l", "typo"])
    cohort = ac.Cohort.from_frame(frame)
    with refused("cohort", "'typo'", error=InputError):
        label_defaults(
            plain, cohort, definition=DefaultDefinition(level=level), observed_until=UNTIL
        )


def test_a_merchant_that_the_records_do_not_hold_has_no_label(plain) -> None:
    cohort = ac.Cohort.from_frame(
        pd.DataFrame({"merchant_id": ["nobody", "m"], "as_of": [DAY, DAY]})
    )
    found = label_status(plain, cohort, observed_until=UNTIL)
    assert found.tolist() == ["not_a_borrower", "default"]
    assert np.isnan(label_defaults(plain, cohort, observed_until=UNTIL)[0])


def test_a_loan_without_an_end_is_not_good() -> None:
    ends = [pd.NaT, DAY + pd.Timedelta(days=30)]
    found = records(due_at=pd.to_datetime(ends))
    cohort = ac.Cohort.of_loans(found)
    labels = label_defaults(found, cohort, observed_until=UNTIL)
    by_loan = dict(zip(cohort.frame["loan_id"], labels, strict=True))
    assert np.isnan(by_loan["l"])
    assert by_loan["k"] == 1.0
    with refused("cohort", "due date", error=InputError):
        label_defaults(found, cohort, definition=DefaultDefinition(), observed_until=UNTIL)


def test_labels_of_a_part_are_the_part_of_the_labels(plain) -> None:
    whole = ac.Cohort.of_loans(plain)
    labels = label_defaults(plain, whole, observed_until=UNTIL)
    for at in range(len(whole)):
        part = label_defaults(plain, whole[[at]], observed_until=UNTIL)
        assert part.tolist() == [labels[at]]
        assert part.attrs == labels.attrs


def test_the_longer_the_horizon_the_more_defaults_and_the_fewer_known(plain) -> None:
    cohort = ac.Cohort.of_loans(plain)
    known, bad = [], []
    for days in (150, 365, 730, 1500):
        labels = label_defaults(
            plain,
            cohort,
            definition=DefaultDefinition(horizon_days=days),
            observed_until="2013-06-01",
        )
        known.append(int(labels.notna().sum()))
        bad.append(float(labels.fillna(0).sum()))
    assert known == sorted(known, reverse=True)
    assert bad[0] == 2.0
    assert known[-1] == 0


def test_loans_without_a_table_of_repayments_are_not_all_taken_for_defaults() -> None:
    """A table that was left out is no record of nothing paid, unless somebody says so."""
    merchants = pd.DataFrame(
        {"merchant_id": ["m"], "platform": "taobao", "registered_at": pd.Timestamp("2011-05-01")}
    )
    loans = pd.DataFrame(
        {"loan_id": ["a", "b"], "merchant_id": "m", "product_id": "p", "principal": 5e3,
         "rate": 5e-4, "disbursed_at": pd.to_datetime(["2011-06-01", "2013-06-01"]),
         "due_at": pd.to_datetime(["2011-07-01", "2013-07-01"])}
    )  # fmt: skip
    tables = {"merchants": merchants, "loans": loans}
    records = ac.read_records(tables)
    cohort = ac.Cohort.of_loans(records)
    with pytest.raises(ac.RecordError, match="'repayments' must be among the records"):
        ac.label_defaults(records, cohort)
    stated = ac.label_defaults(records, cohort, observed_until="2014-12-31")
    assert stated.iloc[0] == 1.0
    nothing = pd.DataFrame(
        {"loan_id": ["a"], "at": pd.to_datetime(["2011-06-20"]), "amount": [1.0]}
    )
    paid = ac.read_records({**tables, "repayments": nothing})
    assert ac.label_defaults(paid, cohort).iloc[0] == 1.0
