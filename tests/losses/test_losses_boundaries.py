"""Losses by hand at the edges: discount, horizon, steps of a day, few defaults, words refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recovery_stage import DAY, at, loan_rows, payment, step
from recovery_stage import stage as make_records

from alicredit.errors import InputError, RecordError
from alicredit.losses import (
    LgdEstimate,
    LgdRules,
    WorkoutRules,
    estimate_lgd,
    find_workouts,
    lgd_by_product,
    lgd_of_loans,
)
from alicredit.losses.workouts import ACTIONS, COSTS_FEN, require_costs

START = at("2012-01-01")
DEFAULT = START + 121 * DAY  # due after 30 days, in default from day 91 on
EXPOSED = 507_500  # 5,000 yuan and 30 days at 0.05 %
LATER = "2014-12-01"


def book(*payments: tuple[str, pd.Timestamp, float], lent: int = 1, **tables) -> object:
    """Lend to merchants who pay nothing but what is told, by loan."""
    ids = [f"l{k:02d}" for k in range(lent)]
    loans = loan_rows(ids, [f"m{k:02d}" for k in range(lent)], [START] * lent)
    return make_records(loans, repayments=pd.DataFrame([payment(*row) for row in payments]),
                        **tables)  # fmt: skip


def portfolio(records, **rules) -> pd.Series:
    """Give the row of the whole portfolio."""
    asked = {"workout": WorkoutRules(discount_rate=rules.pop("discount", 0.0)),
             "rules": LgdRules(full_support=1, least_support=1), "draws": 20}  # fmt: skip
    return estimate_lgd(records, as_of=LATER, **asked, **rules).frame.iloc[-1]


@pytest.mark.parametrize("rate", [0.0, 0.06, 0.5, 1.0])
def test_money_a_year_after_default_is_worth_one_over_one_plus_the_rate(rate: float) -> None:
    made = find_workouts(book(("l00", DEFAULT + 365 * DAY, 100.0), ("l00", DEFAULT, 100.0)),
                         as_of=LATER, rules=WorkoutRules(discount_rate=rate))  # fmt: skip
    assert made.flows["fen"].tolist() == [10_000, 10_000]
    assert made.flows["discounted_fen"].tolist() == pytest.approx([10_000, 10_000 / (1 + rate)])


def test_a_month_is_thirty_days_from_the_day_of_default_on() -> None:
    days = (0, 29, 30, 59, 60)
    records = book(*(("l00", DEFAULT + k * DAY, 10.0) for k in days))
    assert find_workouts(records, as_of=LATER).flows["month"].tolist() == [1, 1, 2, 2, 3]
    for seen, months in ((29, 0), (30, 1), (59, 1), (60, 2)):
        # Seen to the end of so many days: the first of them is the day of default.
        made = find_workouts(book(), as_of=DEFAULT + seen * DAY)
        assert made.loans["months_observed"].tolist() == [months]


def test_a_workout_is_over_when_repaid_or_when_its_horizon_is() -> None:
    rules = WorkoutRules(horizon_months=2)
    repaid = (("l00", DEFAULT + 3 * DAY, 5000.0),)
    for records, seen, is_over in (
        (book(), 59, False), (book(), 60, True), (book(*repaid), 10, True),
        (book(*repaid), 3, False),
    ):  # fmt: skip
        made = find_workouts(records, as_of=DEFAULT + seen * DAY, rules=rules)
        assert made.loans["is_complete"].tolist() == [is_over]


def test_steps_of_one_day_each_cost_their_own_and_are_discounted_too() -> None:
    steps = pd.DataFrame([step("l00", DEFAULT + 365 * DAY, each) for each in (*ACTIONS, "sms")])
    made = find_workouts(book(collections=steps), as_of=LATER,
                         rules=WorkoutRules(discount_rate=0.25))  # fmt: skip
    cost = sum(COSTS_FEN.values()) + COSTS_FEN["sms"]
    assert -made.flows["fen"].sum() == cost
    assert -made.flows["discounted_fen"].sum() == pytest.approx(cost / 1.25)
    row = portfolio(book(("l00", DEFAULT, 1_000.0), collections=steps))
    assert row["lgd"] == pytest.approx(1 - (100_000 - cost) / EXPOSED)


def test_a_loss_is_cut_to_the_whole_where_costs_and_interest_lead_beyond() -> None:
    steps = pd.DataFrame([step("l00", DEFAULT, "legal")])
    row = portfolio(book(collections=steps))
    assert (row["lgd"], row["lgd_lower"], row["lgd_upper"], row["lgd_by_count"]) == (1, 1, 1, 1)
    more = portfolio(book(("l00", DEFAULT, 9_000.0)))
    assert (more["lgd"], more["lgd_lower"], more["lgd_upper"], more["lgd_by_count"]) == (0,) * 4


@pytest.mark.parametrize("draws", [20, 25, 26, 60])
def test_an_interval_holds_its_estimate_and_is_the_binomials(draws: int) -> None:
    # Half of forty merchants pay all: a draw of them with replacement has Bin(40, 1/2) payers.
    records = book(*((f"l{k:02d}", DEFAULT, 5_075.0) for k in range(20)), lent=40)
    frame = estimate_lgd(records, as_of=LATER, draws=draws, workout=WorkoutRules(
        discount_rate=0.0), rules=LgdRules(full_support=10)).frame  # fmt: skip
    assert frame["lgd"].tolist() == pytest.approx([0.5, 0.5])
    assert (frame["lgd_lower"] <= 0.5).all()
    assert (frame["lgd_upper"] >= 0.5).all()
    spread = (frame["lgd_upper"] - frame["lgd_lower"]).to_numpy()
    assert np.all((spread > 0.1) & (spread < 0.45))  # 2 x 1.645 x 0.079 = 0.26 without noise


@pytest.mark.parametrize(("support", "method"), [(1, "own"), (4, "own"), (16, "shrunk")])
def test_few_defaults_count_by_the_root_of_their_number(support: int, method: str) -> None:
    # Four order loans pay nothing; four loans of another product pay all.
    ids = [f"l{k}" for k in range(8)]
    product = np.repeat(["taobao_order", "taobao_credit"], 4)
    loans = loan_rows(ids, [f"m{k}" for k in range(8)], [START] * 8, product=product)
    paid = pd.DataFrame([payment(each, DEFAULT, 5_075.0) for each in ids[4:]])
    frame = estimate_lgd(
        make_records(loans, repayments=paid), as_of=LATER, draws=20,
        workout=WorkoutRules(discount_rate=0.0),
        rules=LgdRules(full_support=support, least_support=1),
    ).frame.set_index("product_id")  # fmt: skip
    weight = min(1.0, np.sqrt(4 / support))
    assert frame.loc["taobao_order", "lgd"] == pytest.approx(weight * 1 + (1 - weight) * 0.5)
    assert frame.loc["taobao_credit", "lgd"] == pytest.approx((1 - weight) * 0.5)
    assert frame.loc["all", "lgd"] == pytest.approx(0.5)
    assert frame["credibility"].tolist() == pytest.approx([weight, weight, 1])
    assert frame["method"].tolist() == [method, method, "own"]
    assert frame["defaults"].tolist() == [4, 4, 8]
    assert frame["exposure"].tolist() == [20_300.0, 20_300.0, 40_600.0]
    assert frame["repaid_share"].tolist() == [1, 0, 0.5]


def test_as_many_merchants_as_are_asked_for_may_speak_and_one_fewer_may_not() -> None:
    asked = {"as_of": LATER, "draws": 20}
    found = estimate_lgd(book(lent=10), **asked, rules=LgdRules(least_support=10)).frame
    assert found["merchants"].tolist() == [10, 10]
    with pytest.raises(InputError, match=r"at least 11 merchants in default.*found 10"):
        estimate_lgd(book(lent=10), **asked, rules=LgdRules(full_support=11, least_support=11))


def test_a_step_without_an_action_is_refused_as_a_missing_one() -> None:
    steps = pd.DataFrame([step("l00", DEFAULT, "sms"), step("l00", DEFAULT, None)])
    with pytest.raises(RecordError, match=r"collections\.action must be one of sms.*a missing one"):
        find_workouts(book(collections=steps), as_of=LATER)


def test_a_segment_that_lacks_or_is_the_word_for_all_is_named() -> None:
    asked = {"as_of": LATER, "draws": 20, "rules": LgdRules(full_support=1, least_support=1)}
    records = book(lent=2)
    with pytest.raises(InputError, match="a word for each defaulted loan; found none for 'l01'"):
        estimate_lgd(records, segments=pd.Series(["x"], index=["l00"]), **asked)
    with pytest.raises(InputError, match="segments must not be 'all'"):
        estimate_lgd(records, segments=pd.Series(["all", "x"], index=["l00", "l01"]), **asked)
    with pytest.raises(InputError, match="segments must have one word a loan"):
        estimate_lgd(records, segments=pd.Series(["x"] * 2, index=["l00"] * 2), **asked)
    words = pd.Series(["y", "x", "z"], index=["l00", "l01", "another"])
    made = estimate_lgd(records, segments=words, **asked)
    assert made.frame["segment"].tolist() == ["x", "y", "all", "all"]
    rows = pd.DataFrame({"product_id": "taobao_order", "segment": ["x", "w"]})
    with pytest.raises(InputError, match=r"found \('taobao_order', 'w'\)"):
        lgd_of_loans(made, rows)
    assert lgd_of_loans(made, rows, otherwise=0.25).tolist() == [1.0, 0.25]
    assert lgd_by_product(made) == {"taobao_order": 1.0}
    for wrong in (-0.01, 1.01):
        with pytest.raises(InputError, match="otherwise must be a number from 0 to 1"):
            lgd_of_loans(made, rows, otherwise=wrong)


def test_a_bound_is_the_column_of_its_name() -> None:
    frame = pd.DataFrame({"product_id": ["p", "all"], "segment": "all", "lgd": [0.4, 0.9],
                          "lgd_lower": [0.3, 0.9], "lgd_upper": [0.6, 0.9]})  # fmt: skip
    made, row = LgdEstimate(frame, frame, START), pd.DataFrame({"product_id": ["p"]})
    for bound, share in (("lgd", 0.4), ("lgd_lower", 0.3), ("lgd_upper", 0.6)):
        assert lgd_by_product(made, bound=bound) == {"p": share}
        assert lgd_of_loans(made, row, bound=bound).tolist() == [share]


@pytest.mark.parametrize(
    ("costs", "says"),
    [
        (COSTS_FEN | {"sms": -1}, r"costs_fen\['sms'\] must be a whole number of at least 0"),
        (COSTS_FEN | {"sms": 1.5}, r"costs_fen\['sms'\] must be a whole number"),
        (COSTS_FEN | {"sms": 10**12 + 1}, "at most 1000000000000"),
        ({k: v for k, v in COSTS_FEN.items() if k != "legal"}, "none for 'legal'"),
        ([("sms", 10)], "must be a mapping from action to fen"),
    ],
)
def test_costs_are_whole_fen_for_each_action(costs, says: str) -> None:
    with pytest.raises(InputError, match=says):
        require_costs(costs)
    require_costs(dict.fromkeys(ACTIONS, 0) | {"legal": 10**12})


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [("horizon_months", 1, 240), ("default_days", 1, 3650), ("discount_rate", 0, 1)],
)
def test_rules_of_workouts_hold_their_ends_and_nothing_beyond(rule, least, most) -> None:
    for value in (least, most):
        assert getattr(WorkoutRules(**{rule: value}), rule) == value
    for value in (least - 1, most + 1):
        with pytest.raises(InputError, match=rule):
            WorkoutRules(**{rule: value})
