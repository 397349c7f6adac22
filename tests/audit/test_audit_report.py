"""The report of an audit: what it names, what it compares, what it says of itself and refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from audit_stage import (
    AS_OF,
    DAY,
    MERCHANTS,
    PAST,
    Builder,
    before,
    by_hand,
    cohort,
    everything,
    merchants,
    orders,
    records_of,
    refunds,
)

import alicredit as ac
from alicredit.errors import FeatureError, InputError


def of_merchants(column: str) -> Builder:
    """Tell whether a column of the merchants has its first value, beside the tenure."""

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        who = records["merchants"].to_pandas().set_index("merchant_id")
        who = who.loc[asked.frame["merchant_id"]].reset_index()
        tenure = asked.frame["as_of"] - pd.to_datetime(who["registered_at"])
        return pd.DataFrame({"paying": who[column] == "paying", "tenure": tenure.dt.days})

    return build


def test_what_stands_beside_a_merchant_is_held_true_unless_the_user_says_it_is_overwritten() -> (
    None
):
    who = merchants().assign(membership="paying")
    records = ac.read_records({"merchants": who, "orders": orders(PAST)})
    build = of_merchants("membership")
    assert ac.audit_features(records, cohort(), build=build).empty
    said = {"merchants": ["membership"]}
    report = ac.audit_features(records, cohort(), build=build, mutable=said)
    assert report[["feature", "table", "disturbance", "rows_moved"]].to_numpy().tolist() == [
        ["paying", "merchants", "untimed", 6]
    ]


@pytest.mark.slow
def test_the_example_is_a_row_of_the_cohort_that_was_given() -> None:
    asked = ac.Cohort.from_frame(
        pd.DataFrame({"merchant_id": MERCHANTS * 3, "as_of": AS_OF})
        .assign(as_of=lambda f: f["as_of"] - pd.to_timedelta(np.arange(18) // 6 * 9, "D"))
    )  # fmt: skip

    def build(records: ac.Records, sample: ac.Cohort) -> pd.DataFrame:
        leaking = sample.frame["merchant_id"] == "m4"
        later = by_hand("orders", everything, len)(records, sample)["own"]
        honest = by_hand("orders", before("created_at"), len)(records, sample)["own"]
        return pd.DataFrame({"own": later.where(leaking, honest)})

    for questions in (None, 7):
        report = ac.audit_features(
            records_of(orders=orders([*PAST, 5.0])), asked, build=build, questions=questions
        )
        assert set(asked.frame["merchant_id"].iloc[report["example"]]) == {"m4"}
        assert report.attrs["questions"] == (questions or 18)


@pytest.mark.parametrize("back", [0, 1, 2])
def test_each_moment_of_a_merchant_is_tried(back: int) -> None:
    moments = [AS_OF - 30 * DAY * k for k in range(3)]
    asked = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": "m0", "as_of": moments}))

    def build(records: ac.Records, sample: ac.Cohort) -> pd.DataFrame:
        leaking = sample.frame["as_of"] == moments[back]
        late = by_hand("orders", lambda r: r["created_at"] < r["as_of"] + DAY, len)
        honest = by_hand("orders", before("created_at"), len)
        own = late(records, sample)["own"].where(leaking, honest(records, sample)["own"])
        return pd.DataFrame({"own": own})

    report = ac.audit_features(records_of(orders=orders([-400.0])), asked, build=build)
    assert report[["disturbance", "example"]].to_numpy().tolist() == [["next_day", back]]


def test_a_sample_asks_different_merchants_first() -> None:
    frame = pd.DataFrame({"merchant_id": ["m0"] * 30 + MERCHANTS[1:], "as_of": AS_OF})
    seen: list[list[str]] = []

    def build(records: ac.Records, sample: ac.Cohort) -> pd.DataFrame:
        seen.append(sample.frame["merchant_id"].tolist())
        return by_hand("orders", before("created_at"), len)(records, sample)

    asked = ac.Cohort.from_frame(frame)
    ac.audit_features(records_of(orders=orders(PAST)), asked, build=build, questions=6)
    assert all(names == MERCHANTS for names in seen)


KINDS_OF_VALUE = {
    "text": lambda n: np.where(n > 4, "many", "few").astype(object),
    "whole": lambda n: n.astype(np.int64),
    "flag": lambda n: n > 4,
    "category": lambda n: pd.Categorical(np.where(n > 4, "many", "few")),
    "day": lambda n: AS_OF + pd.to_timedelta(n, "D"),
    "sign of zero": lambda n: np.where(n > 4, -0.0, 0.0),
    "last bit": lambda n: np.where(n > 4, np.nextafter(1.0, 2.0), 1.0),
    "blank": lambda n: np.where(n > 4, np.nan, 1.0),
    "nullable": lambda n: pd.array(np.where(n > 4, 1, 0), dtype="Int64"),
}


@pytest.mark.parametrize("kind", KINDS_OF_VALUE)
def test_a_value_of_any_type_is_compared_to_the_last_bit(kind: str) -> None:
    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        later = by_hand("orders", everything, len)(records, asked)["own"].to_numpy()
        past = by_hand("orders", before("created_at"), len)(records, asked)["own"].to_numpy()
        value, known = (KINDS_OF_VALUE[kind](n) for n in (later, past))
        return pd.DataFrame({"value": value, "known": known, "blank": np.nan, "none": None})

    records = records_of(orders=orders(PAST))
    report = ac.audit_features(records, cohort(), build=build, disturbances=["added"])
    assert set(report["feature"]) == {"value"}


def test_a_feature_that_moves_by_itself_is_told_apart_from_one_that_leaks() -> None:
    rng = np.random.default_rng(0)

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        honest = by_hand("orders", before("created_at"), len)(records, asked)
        return honest.assign(shaky=rng.random(len(asked)))

    report = ac.audit_features(records_of(orders=orders(PAST)), cohort(), build=build)
    assert report[["feature", "table", "disturbance"]].to_numpy().tolist() == [
        ["shaky", "", "none"]
    ]
    assert "although nothing is disturbed" in report["message"].iloc[0]


def test_a_leak_that_only_two_disturbances_together_move_is_not_lost() -> None:
    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        rows = asked.frame.merge(records["orders"].to_pandas(), on="merchant_id")
        new = rows[rows["created_at"] >= rows["as_of"]].groupby("merchant_id").size()
        odd = rows[rows["status"] != "success"].groupby("merchant_id").size()
        both = [float(who in new and who in odd) for who in asked.frame["merchant_id"]]
        return by_hand("orders", before("created_at"), len)(records, asked).assign(both=both)

    records = records_of(orders=orders(PAST, status="success"))
    report = ac.audit_features(records, cohort(), build=build)
    assert report[["feature", "disturbance"]].to_numpy().tolist() == [["both", "together"]]


def test_the_same_seed_gives_the_same_report_and_it_says_what_was_tried() -> None:
    sold = orders(PAST)
    records = records_of(orders=sold, refunds=refunds(sold, [-3.0, 5.0]))
    leak = by_hand("refunds", before("opened_at"), lambda r: r["seller_fault"].min())
    one, same = (ac.audit_features(records, cohort(), build=leak, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(one, same)
    assert one.attrs == same.attrs
    assert one.attrs["disturbed"]["next_day"] == {"merchants": 36, "orders": 36, "refunds": 36}
    assert one.attrs["disturbed"]["untimed"] == {}
    assert one.dtypes.astype(str).to_dict() | {"rows_moved": "int64", "example": "int64"} == (
        one.dtypes.astype(str).to_dict()
    )


def test_a_feature_that_nothing_moves_is_listed_as_not_shown_clean() -> None:
    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        return by_hand("orders", before("created_at"), len)(records, asked).assign(constant=1.0)

    report = ac.audit_features(records_of(orders=orders(PAST)), cohort(), build=build)
    assert report.empty
    assert report.attrs["unmoved"] == ["constant"]


def test_what_nobody_declared_is_kept_as_it_is_and_zone_and_notes_stay() -> None:
    told = []

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        own = records["warehouse"].to_pandas().set_index("merchant_id")["stock"]
        told.append(
            (records.timezone, dict(records.notes), "known_at" in records.columns("orders"))
        )
        honest = by_hand("orders", before("created_at"), len)(records, asked)
        return honest.assign(stock=own.loc[asked.frame["merchant_id"]].to_numpy())

    stock = pd.DataFrame({"merchant_id": [*MERCHANTS, "other"], "stock": range(7)})
    given = records_of(orders=orders([*PAST, 4.0], colour="red"), warehouse=stock)
    given = replace(given, timezone="Asia/Tokyo", notes={"seed": 3})
    assert ac.audit_features(given, cohort(), build=build).empty
    assert set(map(str, told)) == {str(("Asia/Tokyo", {"seed": 3}, False))}


def honest_count(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
    return by_hand("orders", before("created_at"), len)(records, asked)


def needs_all(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
    owner = records["orders"].to_pandas().set_index("order_id")["merchant_id"]
    return honest_count(records, asked).assign(last=owner["o4"] == "m0")


def columns_of_what_is_there(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
    sold = records["orders"].to_pandas()
    return honest_count(records, asked).assign(**{f"has_{k}": 1.0 for k in sold["order_id"]})


REFUSED = {
    "a builder that fails": (
        {"build": needs_all},
        r"build must run on records that are disturbed \(.*\); found KeyError\. Try: see the error",
    ),
    "other columns": ({"build": columns_of_what_is_there}, "build must give the same columns"),
    "no frame": ({"build": lambda r, c: [1.0]}, "build must give a pandas DataFrame; found list"),
    "too few rows": (
        {"build": lambda r, c: pd.DataFrame({"a": [1.0]})},
        "build must give one row for each of 6 questions, in their order; found 1",
    ),
    "no column": (
        {"build": lambda r, c: pd.DataFrame(index=range(6))},
        "build must give at least one column",
    ),
    "one name twice": (
        {"build": lambda r, c: pd.DataFrame(np.ones((6, 2)), columns=["a", "a"])},
        "build must give at least one column, all of different names",
    ),
    "frames made before": (
        {"build": lambda r, c: pd.DataFrame({"a": np.arange(6.0)})},
        "build must build from the records that it is given",
    ),
    "no function": ({"build": "own"}, "build must be callable; found str"),
    "two builders": (
        {"build": honest_count, "catalogue": ac.CATALOGUE.subset(["orders_paid_count_90d"])},
        "build must stand alone",
    ),
    "a mere list": (
        {"catalogue": [ac.CATALOGUE[0]]},
        "catalogue must be a Catalogue; found list. Try: pass your own builder as build=",
    ),
    "features without a source": (
        {"catalogue": ac.CATALOGUE.subset(["violations_points_sum_365d"])},
        "catalogue must have a feature that the past of these questions moves",
    ),
    "an unknown kind": (
        {"disturbances": ["add"]},
        "disturbances must be one of 8 known words; found 'add'. Try: did you mean 'added'",
    ),
    "no kind": ({"disturbances": []}, "disturbances must be at least one"),
    "an absent table": (
        {"mutable": {"order": ["amount"]}},
        "mutable must name declared tables of the records; found 'order'. Try: did you mean",
    ),
    "a column that times": (
        {"mutable": {"orders": ["created_at"]}},
        "mutable must name columns of orders that are neither key nor time; found 'created_at'",
    ),
    "an absent column": (
        {"mutable": {"orders": ["amout"]}},
        "found 'amout'. Try: did you mean 'amount'",
    ),
    "a seed that is none": ({"seed": -1}, "seed must be a whole number of at least 0"),
    "no question": ({"questions": 0}, "questions must be a whole number of at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_audited_is_refused(case: str) -> None:
    given, message = REFUSED[case]
    records = records_of(orders=orders([*PAST, 1.5, 2.0]))
    builder = {} if "catalogue" in given else {"build": honest_count}
    with pytest.raises((FeatureError, InputError), match=message) as caught:
        ac.audit_features(records, cohort(), **(builder | given))
    assert "m0" not in str(caught.value)
    assert "o4" not in str(caught.value)


def test_questions_before_anything_was_known_are_refused() -> None:
    early = pd.DataFrame({"merchant_id": MERCHANTS, "as_of": pd.Timestamp("2010-01-01")})
    records = records_of(orders=orders(PAST))
    with pytest.raises(FeatureError, match="cohort must ask as of moments before which something"):
        ac.audit_features(records, ac.Cohort.from_frame(early), build=honest_count)
