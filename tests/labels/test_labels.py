"""What counts as default, when it is too early to say, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import InputError
from alicredit.labels import STATUSES, DefaultDefinition, label_defaults, label_status


def records_of(
    loans: list[tuple[str, str, str, int, str]], paid: list[tuple[str, str]] = (), **more
) -> ac.Records:
    """Make records of (loan, merchant, product, term, disbursed) and (loan, paid in full at)."""
    frame = pd.DataFrame(
        loans, columns=["loan_id", "merchant_id", "product_id", "term", "disbursed_at"]
    )
    frame["disbursed_at"] = pd.to_datetime(frame["disbursed_at"])
    frame["due_at"] = frame["disbursed_at"] + pd.to_timedelta(frame.pop("term"), unit="D")
    frame = frame.assign(principal=5000.0, rate=0.0005)
    merchants = pd.DataFrame(
        {
            "merchant_id": sorted(set(frame["merchant_id"]) | {"idle"}),
            "platform": "taobao",
            "registered_at": pd.Timestamp("2010-01-01"),
        }
    )
    tables = {"merchants": merchants, "loans": frame, **more}
    if paid:
        tables["repayments"] = pd.DataFrame(
            {
                "loan_id": [loan for loan, _ in paid],
                "at": pd.to_datetime([at for _, at in paid]),
                "amount": 5100.0,
                "principal": 5000.0,
                "interest": 100.0,
                "penalty": 0.0,
            }
        )
    return ac.read_records(tables)


ORDER = ("l", "m", "taobao_order", 30, "2012-01-01")
UNTIL = "2014-01-01"


def status(records: ac.Records, cohort: ac.Cohort | None = None, **keywords) -> list[str]:
    chosen = cohort or ac.Cohort.of_loans(records)
    return label_status(records, chosen, **{"observed_until": UNTIL, **keywords}).tolist()


def test_paid_is_good_and_unpaid_is_default() -> None:
    assert status(records_of([ORDER], [("l", "2012-01-08")])) == ["good"]
    assert status(records_of([ORDER])) == ["default"]


def test_default_begins_on_the_ninety_first_day_past_due() -> None:
    assert status(records_of([ORDER], [("l", "2012-04-30")])) == ["good"]
    assert status(records_of([ORDER], [("l", "2012-05-01")])) == ["default"]


def test_the_window_counts_from_as_of_to_the_horizon() -> None:
    records = records_of([ORDER])
    event = pd.Timestamp("2012-01-31") + pd.Timedelta(days=91)
    definition = DefaultDefinition(horizon_days=30)

    def at(moment: pd.Timestamp) -> str:
        frame = pd.DataFrame({"merchant_id": ["m"], "as_of": [moment]})
        cohort = ac.Cohort.from_frame(frame)
        return status(records, cohort, definition=definition)[0]

    assert at(event - pd.Timedelta(days=30)) == "default"
    assert at(event - pd.Timedelta(days=31)) == "good"
    assert at(event - pd.Timedelta(seconds=1)) == "default"
    assert at(event) == "already_default"


def test_a_window_that_is_not_over_is_immature_even_for_a_default() -> None:
    records = records_of([ORDER])
    assert status(records, observed_until="2012-12-30") == ["immature"]
    assert status(records, observed_until="2012-12-31") == ["default"]
    assert np.isnan(
        label_defaults(records, ac.Cohort.of_loans(records), observed_until="2012-06-01")[0]
    )


def test_one_loan_of_a_borrower_in_default_labels_all_its_rows() -> None:
    loans = [
        ("a", "m", "taobao_order", 30, "2012-01-01"),
        ("b", "m", "taobao_order", 30, "2012-01-05"),
    ]
    records = records_of(loans, [("a", "2012-01-20")])
    assert status(records) == ["default", "default"]
    own = DefaultDefinition(horizon_days=365, level="facility")
    assert status(records, definition=own) == ["good", "default"]


def test_probation_keeps_a_borrower_in_default() -> None:
    records = records_of([ORDER], [("l", "2012-06-01")])

    def at(day: str) -> str:
        cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [day]}))
        return status(records, cohort)[0]

    assert at("2012-05-10") == "already_default"
    assert at("2012-08-29") == "already_default"
    assert at("2012-08-31") == "not_a_borrower"


@pytest.mark.parametrize("kind", ["sealed", "fraud_found", "written_off", "bankrupt"])
def test_a_sign_of_being_unlikely_to_pay_is_a_default(kind: str) -> None:
    events = pd.DataFrame(
        {"merchant_id": ["m"], "at": [pd.Timestamp("2012-03-01")], "kind": [kind]}
    )
    records = records_of([ORDER], [("l", "2012-01-08")], account_events=events)
    assert status(records) == ["default"]
    released = records_of(
        [ORDER], [("l", "2012-01-08")], account_events=events.assign(kind="unsealed")
    )
    assert status(released) == ["good"]


@pytest.mark.parametrize(("loss", "want"), [(0.02, "default"), (0.01, "good")])
def test_a_restructure_with_a_loss_above_one_percent_is_a_default(loss: float, want: str) -> None:
    deal = pd.DataFrame(
        {
            "loan_id": ["l"],
            "at": [pd.Timestamp("2012-01-20")],
            "kind": "extension",
            "npv_loss": loss,
        }
    )
    assert status(records_of([ORDER], [("l", "2012-01-25")], restructures=deal)) == [want]


def test_between_the_threshold_and_ninety_days_nothing_is_said() -> None:
    records = records_of([ORDER], [("l", "2012-04-15")])
    assert status(records, definition=DefaultDefinition(days_past_due=60)) == ["indeterminate"]
    assert status(records, definition=DefaultDefinition(days_past_due=30)) == ["default"]
    assert status(records, definition=DefaultDefinition(days_past_due=90)) == ["good"]


def test_a_borrower_cohort_leaves_out_who_has_no_loan() -> None:
    records = records_of([ORDER], [("l", "2012-01-08")])
    cohort = ac.Cohort.at(records, "2012-01-05")
    assert dict(zip(cohort.frame["merchant_id"], status(records, cohort), strict=True)) == {
        "idle": "not_a_borrower",
        "m": "good",
    }


TERM = ("t", "m", "ali_credit", 365, "2012-01-01")


def test_a_year_does_not_cover_a_loan_of_twelve_months() -> None:
    records = records_of([ORDER, TERM], [("l", "2012-01-08"), ("t", "2012-12-31")])
    assert sorted(status(records)) == ["good", "horizon_too_short"]
    with pytest.raises(InputError, match=r"HORIZON_TOO_SHORT.*365 days where ali_credit needs 485"):
        label_defaults(records, ac.Cohort.of_loans(records), definition=DefaultDefinition())
    only = ac.Cohort.of_loans(records, "ali_credit")
    assert status(records, only, definition=DefaultDefinition.of_product("ali_credit")) == ["good"]


def test_built_in_definitions_cover_their_terms() -> None:
    for product, term in (("taobao_order", 30), ("ali_credit", 365), ("taobao_credit", 365)):
        for purpose in ("development", "calibration"):
            found = DefaultDefinition.of_product(product, purpose=purpose)
            assert found.horizon_days >= term + found.days_past_due + 30
            assert found.level == "facility"
    with pytest.raises(InputError, match="did you mean 'ali_credit'"):
        DefaultDefinition.of_product("ali_credits")


def test_labels_say_what_they_claim() -> None:
    records = records_of([ORDER])
    y = label_defaults(records, ac.Cohort.of_loans(records), observed_until=UNTIL)
    assert y.attrs == {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    assert y.name == "default"
    assert set(STATUSES) >= {"good", "default", "immature"}


@pytest.mark.parametrize(
    "bad",
    [{"horizon_days": 0}, {"days_past_due": 0}, {"level": "loan"}, {"material_share": 2},
     {"material_fen": -1}, {"probation_days": 0.5}],
)  # fmt: skip
def test_definitions_without_meaning_are_refused(bad) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        DefaultDefinition(**bad)


def test_a_facility_definition_needs_loans() -> None:
    records = records_of([ORDER])
    cohort = ac.Cohort.at(records, "2012-01-05")
    with pytest.raises(InputError, match="of_loans"):
        label_defaults(records, cohort, definition=DefaultDefinition(level="facility"))
