"""One digest for one set of values, however held; another for whatever is read otherwise."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.decision import Decision, Override, digest_inputs, digest_rows, override
from alicredit.errors import InputError

DOUBLES = st.floats(allow_nan=True, allow_infinity=False)
PLAIN = st.one_of(
    DOUBLES, st.integers(-(2**53), 2**53), st.text(max_size=8), st.booleans(), st.none()
)
INPUTS = st.dictionaries(st.text(min_size=1, max_size=6), PLAIN, max_size=6)
STORED = {
    "format": "alicredit-decision/1", "merchant_id": "m", "product_id": "taobao_order",
    "as_of": "2013-05-01T00:00:00", "status": "ok", "pd": 0.1 + 0.2, "pd_lower": 1 / 3,
    "pd_upper": 2 / 3, "score": 560, "grade": "E", "decision": "refer", "limit": 0.0,
    "rate": 0.0005, "rate_unit": "day", "expected_loss": None, "expected_profit": 1e-17,
    "reasons": ["PD_ABOVE_CUT"], "model_id": "a", "policy_id": "b", "prices_id": "",
    "inputs_digest": "c",
}  # fmt: skip
SAME = [
    (1, 1.0), (1, np.int8(1)), (1.5, np.float32(1.5)), (0.0, -0.0), (None, math.nan),
    (None, pd.NA), (None, pd.NaT), (None, np.float32("nan")), (True, np.bool_(True)),
    ("a", np.str_("a")), (Decimal("1.50"), Decimal("1.5")), (2**60, float(2**60)),
    (pd.Timestamp("2011-03-01"), np.datetime64("2011-03-01")), ([1, 2.0], (1.0, 2)),
    (np.array([1.0, 2.0]), [1, 2]), (np.array(3), 3.0),
]  # fmt: skip
APART = [
    1, "1", True, Decimal(1), None, "", "None", "nan", math.inf, -math.inf, "inf", 0, False, 1.5,
    "n1", [1], ["1"], {"a": 1}, b"1", 1j, 1 + 2**-52, 10**400, "2011-03-01",
    pd.Timestamp("2011-03-01"), pd.Timedelta(1, "D"), np.timedelta64(1, "h"), "1\n", "-",
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_ways_to_hold_a_value_are_one(one, other) -> None:
    assert digest_inputs({"x": one}) == digest_inputs({"x": other})


def test_values_that_are_read_otherwise_stay_apart() -> None:
    digests = [digest_inputs({"x": value}) for value in APART]
    assert len(set(digests)) == len(APART)
    assert digest_inputs({"x": None}) != digest_inputs({})
    assert digest_inputs({"x": None}) != digest_inputs({"y": None})


@pytest.mark.parametrize("name", ["registered_at", "shop_opened_at", "as_of"])
def test_a_fact_that_is_a_time_is_the_time_it_says(name) -> None:
    ways = [
        "2011-03-01", "2011-03-01 00:00:00", "2011-03-01T00:00:00", dt.date(2011, 3, 1),
        pd.Timestamp("2011-03-01"), np.datetime64("2011-03-01"),
        pd.Timestamp("2011-02-28 16:00", tz="UTC"), dt.datetime(2011, 3, 1),  # noqa: DTZ001
    ]  # fmt: skip
    assert len({digest_inputs({name: way}) for way in ways}) == 1
    others = ["2011-03-02", "01/03/2011", "soon", 2011, None, "", True]
    assert len({digest_inputs({name: way}) for way in (ways[0], *others)}) == 8


def test_an_id_is_the_text_under_which_it_is_answered() -> None:
    ids = ["7", 7, 7.0, np.int64(7), np.float32(7)]
    assert len({digest_inputs({"merchant_id": value}) for value in ids}) == 1
    others = ["7", 7.5, "7.0", True, None, float(2**60)]
    assert len({digest_inputs({"merchant_id": value}) for value in others}) == 6


@settings(max_examples=150)
@given(INPUTS)
def test_read_back_from_json_and_in_any_order_it_is_the_same(inputs) -> None:
    first = digest_inputs(inputs)
    assert digest_inputs(dict(reversed(inputs.items()))) == first
    assert digest_inputs(json.loads(json.dumps(inputs))) == first


@settings(max_examples=100)
@given(INPUTS, st.text(min_size=1, max_size=6), DOUBLES, DOUBLES)
def test_two_different_numbers_never_share_a_digest(inputs, name, one, other) -> None:
    is_one = one == other or (math.isnan(one) and math.isnan(other))
    left, right = ({**inputs, name: value} for value in (one, other))
    assert (digest_inputs(left) == digest_inputs(right)) == is_one


@settings(max_examples=15)
@given(
    st.lists(st.tuples(DOUBLES, st.none() | st.integers(0, 9), st.none() | st.text(max_size=4),
                       st.none() | st.booleans(), st.none() | st.dates(dt.date(1990, 1, 1))),
             min_size=1, max_size=5)
)  # fmt: skip
def test_read_back_from_parquet_it_is_the_same_and_that_of_each_row(tmp_path_factory, rows) -> None:
    frame = pd.DataFrame(rows, columns=["x", "n", "kind", "flag", "registered_at"])
    frame["registered_at"] = pd.to_datetime(frame["registered_at"])
    frame["merchant_id"] = np.arange(len(frame))
    path = tmp_path_factory.mktemp("p") / "inputs.parquet"
    frame.to_parquet(path)
    digests = digest_rows(frame)
    assert digests.tolist() == digest_rows(pd.read_parquet(path)).tolist()
    assert digests.tolist() == [digest_inputs(row.to_dict()) for _, row in frame.iterrows()]
    assert digest_rows(frame[frame.columns[::-1]]).tolist() == digests.tolist()


def test_bad_inputs_of_digests_are_refused() -> None:
    with pytest.raises(InputError, match="must have different names"):
        digest_inputs({1: 0, "1": 0})
    with pytest.raises(InputError, match="a repeated name"):
        digest_rows(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert digest_rows(pd.DataFrame(index=[0, 1])).tolist() == [digest_inputs({})] * 2


@settings(max_examples=80)
@given(
    st.floats(0, 1), DOUBLES, st.none() | st.integers(0, 999), st.sampled_from(["A", None]),
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1)),  # noqa: DTZ001
)  # fmt: skip
def test_a_decision_kept_as_json_is_read_back_equal(chance, profit, score, grade, moment) -> None:
    made = Decision.from_dict(STORED | {
        "pd": chance, "score": score, "grade": grade, "as_of": moment.isoformat(),
        "expected_profit": None if math.isnan(profit) else profit,
    })  # fmt: skip
    text = json.dumps(made.to_dict(), allow_nan=False)
    back = Decision.from_dict(json.loads(text))
    assert back == made
    assert hash(back) == hash(made)
    assert back.pd.hex() == chance.hex()
    assert back != Decision.from_dict(made.to_dict() | {"limit": 1.0})
    assert json.dumps(back.to_dict()) == json.dumps(made.to_dict())


def test_a_number_that_lacks_equals_one_that_lacks() -> None:
    one, other = Decision.from_dict(STORED), Decision.from_dict(STORED)
    assert math.isnan(one.expected_loss)
    assert one == other
    assert len({one, other}) == 1
    assert one != STORED


BAD = {
    "pd": "0.1", "limit": None, "rate": math.inf, "as_of": "soon", "reasons": "PD_ABOVE_CUT",
    "score": 1.5, "grade": 3, "decision": "approved", "status": "fine", "merchant_id": None,
    "expected_loss": True, "format": "alicredit-decision/2", "colour": "red",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_stored_decision_that_was_altered_is_refused_by_its_field(name) -> None:
    with pytest.raises(InputError, match=name):
        Decision.from_dict(STORED | {name: BAD[name]})


def test_what_lacks_or_is_no_code_is_refused() -> None:
    with pytest.raises(InputError, match="'pd_upper'"):
        Decision.from_dict({k: v for k, v in STORED.items() if k != "pd_upper"})
    with pytest.raises(InputError, match="BLACK_LIST"):
        Decision.from_dict(STORED | {"reasons": ["BLACK_LIST"]})
    with pytest.raises(InputError, match="mapping"):
        Decision.from_dict([])


GOOD = {"to": "approve", "by": "Li Na", "approved_by": "Wang", "reason": "seen", "limit": 100}


def test_an_override_keeps_the_decision_and_comes_back_equal() -> None:
    decision = Decision.from_dict(STORED)
    made = override(decision, **GOOD)
    assert made.decision is decision
    assert (made.to, made.limit, decision.decision) == ("approve", 100.0, "refer")
    back = Override.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False)))
    assert back == made
    no = override(decision, to="decline", by="a", approved_by="b", reason="c")
    assert Override.from_dict(no.to_dict()) == no
    assert no.limit == 0
    with pytest.raises(AttributeError):
        made.to = "decline"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"approved_by": "LI  NA "}, "another name"), ({"by": " "}, "not empty"),
        ({"approved_by": None}, "not empty"), ({"reason": ""}, "not empty"),
        ({"to": "refer"}, "another answer"), ({"to": "yes"}, "to must be"),
        ({"limit": None}, "limit must be given"), ({"limit": -5}, "limit"),
        ({"limit": 0.001}, "limit"), ({"limit": 10.005}, "whole fen"),
        ({"to": "decline"}, "left out"), ({"limit": math.nan}, "limit"),
    ],
)  # fmt: skip
def test_bad_overrides_are_refused(change, says) -> None:
    with pytest.raises(InputError, match=says):
        override(Decision.from_dict(STORED), **(GOOD | change))


def test_a_stored_override_that_was_altered_is_refused() -> None:
    stored = override(Decision.from_dict(STORED), **GOOD).to_dict()
    for change, says in (
        ({"approved_by": "li na"}, "another name"), ({"colour": 1}, "colour"),
        ({"to": "decline"}, "left out"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            Override.from_dict(stored | change)
    with pytest.raises(InputError, match="decision must be a decision"):
        override(STORED, **GOOD)
