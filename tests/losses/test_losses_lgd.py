"""Losses given default: by hand, against a known truth, against plain loops."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from recovery_stage import (
    DAY,
    TRUE_RECOVERY,
    at,
    book_with_known_recovery,
    loan_rows,
    payment,
    step,
)
from recovery_stage import stage as make_records

import alicredit as ac
from alicredit.errors import InputError, PolicyError
from alicredit.ledger import expected_credit_loss, read_postings, replay
from alicredit.losses import (
    LgdRules,
    WorkoutRules,
    estimate_lgd,
    find_workouts,
    lgd_by_product,
    lgd_of_loans,
)
from alicredit.policy import load_policy
from alicredit.policy.limits import year_of_line

LOOSE = LgdRules(full_support=1, least_support=1)
FLAT = WorkoutRules(discount_rate=0.0)
AS_OF = "2012-07-01"
# Within two years and one day of interest per 30 days: 5,000 becomes 5,075 at default.
TRUE_LGD = 1 - TRUE_RECOVERY / 1.015


def only(frame: pd.DataFrame, product: str = "taobao_order", segment: str = "all") -> pd.Series:
    return frame[(frame["product_id"] == product) & (frame["segment"] == segment)].iloc[0]


def test_one_workout_by_hand() -> None:
    # Lent 1 January 2012, due the 31st, in default from 1 May: 5,000 and 75.00 of interest.
    loans = loan_rows(["l"], ["m"], [at("2012-01-01")])
    paid = pd.DataFrame([payment("l", "2012-04-30", 100.0), payment("l", "2012-05-01", 900.0),
                         payment("l", "2013-05-01", 1060.0)])  # fmt: skip
    steps = pd.DataFrame([step("l", "2012-04-30", "visit"), step("l", "2012-05-02", "phone"),
                          step("l", "2012-05-02", "phone")])  # fmt: skip
    records = make_records(loans, repayments=paid, collections=steps)
    made = find_workouts(records, as_of="2014-12-01")
    row = made.loans.iloc[0]
    assert (row["default_day"], row["exposure_day"]) == (at("2012-05-01"), at("2012-04-30"))
    assert row["exposure_fen"] == 497_500
    assert (row["months_observed"], row["outcome"], row["is_complete"]) == (31, "default", True)
    assert sorted(made.flows["fen"]) == [-1_200, 90_000, 106_000]
    estimate = estimate_lgd(records, as_of="2014-12-01", rules=LOOSE)
    # 1,060 a year after the default are worth 1,000 on its day; two calls cost 12.00.
    wanted = 1 - (900 + 1000 - 12 / 1.06 ** (1 / 365)) / 4975
    assert only(estimate.frame)["lgd"] == pytest.approx(wanted, abs=1e-12)
    curve = estimate.curves[estimate.curves["product_id"] == "taobao_order"].set_index("month")
    assert curve.loc[1, "recovered"] == pytest.approx((900 - 12 / 1.06 ** (1 / 365)) / 4975)
    assert curve.loc[12, "recovered"] == curve.loc[1, "recovered"] < curve.loc[13, "recovered"]


def test_a_loan_tells_of_the_months_it_was_seen_for_and_of_no_other() -> None:
    # One is seen for three months and paid half in the third, one for one month and paid nothing:
    # the third month is told by the first alone, the first month by both.
    starts = [at("2012-01-01"), at("2012-03-01")]
    loans = loan_rows(["a", "b"], ["a", "b"], starts)
    paid = pd.DataFrame([payment("a", "2012-05-05", 507.5), payment("a", "2012-07-20", 2537.5)])
    records = make_records(loans, repayments=paid)
    estimate = estimate_lgd(records, as_of="2012-08-01", rules=LOOSE, workout=FLAT)
    row = only(estimate.frame)
    assert row["months"] == 3
    assert row["lgd"] == pytest.approx(1 - 507.5 / 10_150 - 2537.5 / 5_075)
    assert row["lgd_by_count"] == pytest.approx(1 - 0.05 - 0.5)


def test_the_truth_lies_within_the_interval_where_complete_cases_are_far_from_it() -> None:
    made = book_with_known_recovery(1500, seed=1)
    row = only(estimate_lgd(made, as_of=AS_OF, workout=FLAT).frame)
    assert row["lgd_lower"] < TRUE_LGD < row["lgd_upper"]
    assert row["lgd_upper"] - row["lgd_lower"] < 0.12
    assert row["complete_share"] < 0.75
    found = find_workouts(made, as_of=AS_OF, rules=FLAT)
    got = found.flows.groupby("loan")["fen"].sum().reindex(found.loans.index, fill_value=0)
    over = found.loans["is_complete"]
    complete = 1 - got[over].sum() / found.loans.loc[over, "exposure_fen"].sum()
    assert complete < row["lgd_lower"] - 0.05  # the quick are over first
    everyone = 1 - got.sum() / found.loans["exposure_fen"].sum()
    assert everyone > row["lgd"] + 0.01  # and whoever counts the others as lost is too dark


@pytest.mark.slow
def test_the_estimate_is_unbiased_and_its_interval_covers_over_many_books() -> None:
    rows = [
        only(estimate_lgd(book_with_known_recovery(300, seed=s), as_of=AS_OF, workout=FLAT,
                          draws=100).frame)
        for s in range(10, 30)
    ]  # fmt: skip
    error = np.array([row["lgd"] - TRUE_LGD for row in rows])
    assert abs(error.mean()) < 3 * error.std(ddof=1) / np.sqrt(len(error))
    covered = sum(row["lgd_lower"] <= TRUE_LGD <= row["lgd_upper"] for row in rows)
    assert covered >= 14  # of 20; Bin(20, 0.9) falls below with probability 0.3 %


def test_draws_of_one_merchant_widen_the_interval() -> None:
    asked = {"as_of": AS_OF, "workout": FLAT}
    alone = only(estimate_lgd(book_with_known_recovery(800, seed=4), **asked).frame)
    shared = book_with_known_recovery(100, seed=4, draws_each=8)
    together = only(estimate_lgd(shared, **asked).frame)
    assert together["merchants"] == 100
    assert together["defaults"] > 0.9 * alone["defaults"]

    def width(row):
        return row["lgd_upper"] - row["lgd_lower"]

    assert width(together) > 1.8 * width(alone)


@pytest.fixture(scope="module")
def platform():
    return ac.simulate_platform(450, seed=8, orders_per_month=0.5, default_rate=0.2)[0]


def test_a_platform_by_plain_loops(platform) -> None:
    until = at("2013-04-15")
    postings = read_postings(platform).known_before(until)
    states = replay(postings, pd.date_range("2009-07-01", until - DAY))
    merchant = postings.loans.set_index("loan_id")["merchant_id"]
    sealed = defaultdict(list)
    for event in postings.events.itertuples():
        sealed[event.merchant_id].append(event.day)
    paid = defaultdict(list)
    for row in postings.payments.itertuples():
        paid[row.loan_id].append((row.day, row.fen))
    money, below, defaults = defaultdict(float), defaultdict(float), 0
    troubled = merchant.isin(list(sealed)).reindex(states["loan_id"]).to_numpy()
    troubled = (
        troubled | (states.groupby("loan_id")["days_past_due"].transform("max") > 90).to_numpy()
    )
    for loan, days in states[troubled].groupby("loan_id"):
        signs = sealed[merchant[loan]]
        first = min(signs, default=until)
        bad = [d.day for d in days.itertuples() if d.days_past_due > 90
               or (d.balance_fen > 0 and first <= d.day)]  # fmt: skip
        if not bad:
            continue
        defaults += 1
        exposed = max(bad[0] - DAY, days["day"].iloc[0])
        before = days[days["day"] == exposed].iloc[0]
        exposure = before["balance_fen"] + before["accrued_fen"]
        for month in range(24):
            low, high = exposed + 30 * month * DAY, exposed + 30 * (month + 1) * DAY
            if high > until - DAY:
                break
            below[month] += exposure
            money[month] += sum(
                fen / 1.06 ** ((day - bad[0]).days / 365)
                for day, fen in paid[loan] if low < day <= high
            )  # fmt: skip
    estimate = estimate_lgd(platform, as_of=until, draws=20)
    row = only(estimate.frame, "all")
    assert row["defaults"] == defaults
    assert defaults > 30
    recovered = sum(money[m] / below[m] for m in range(int(row["months"])))
    assert row["lgd"] == pytest.approx(1 - recovered, abs=1e-9)


def test_few_defaults_lean_on_the_product_by_the_root_of_their_number(platform) -> None:
    loans = read_postings(platform).loans.set_index("loan_id")
    some = loans.index.isin(find_workouts(platform, as_of="2014-01-01").loans["loan_id"].iloc[:8])
    segments = pd.Series(np.where(some, "few", "many"), index=loans.index)
    asked = {"as_of": "2014-01-01", "segments": segments, "draws": 20}
    rules = LgdRules(full_support=40)
    shrunk = only(estimate_lgd(platform, **asked, rules=rules).frame, segment="few")
    assert shrunk["method"] == "shrunk"
    own = estimate_lgd(platform, **asked, rules=LOOSE).curves
    curves = estimate_lgd(platform, **asked, rules=rules).curves
    keys = ["product_id", "segment", "month"]
    alone = own.set_index(keys)["recovered"].sort_index().loc["taobao_order", "few"]
    made = curves.set_index(keys).sort_index()
    product = made["recovered"].loc["taobao_order", "all"]
    seen = made["merchants"].loc["taobao_order", "few"]
    wanted = 0.0
    for month in product.index:
        weight = min(1, np.sqrt(seen[month] / 40))
        mine = alone[month] - alone.get(month - 1, 0.0)
        wanted += weight * mine + (1 - weight) * (product[month] - product.get(month - 1, 0.0))
    assert shrunk["lgd"] == pytest.approx(1 - wanted, abs=1e-9)


def test_segments_and_products_sum_to_the_portfolio(platform) -> None:
    loans = read_postings(platform).loans.set_index("loan_id")
    segments = pd.Series(np.where(loans["principal_fen"] > 400_000, "large", "small"), loans.index)
    frame = estimate_lgd(platform, as_of="2014-01-01", segments=segments, draws=20).frame
    whole, product = only(frame, "all"), frame[frame["segment"] == "all"].iloc[:-1]
    for column in ("defaults", "exposure"):
        assert product[column].sum() == pytest.approx(whole[column])
        assert frame[frame["segment"] != "all"][column].sum() == pytest.approx(whole[column])
    assert (frame["lgd_lower"] <= frame["lgd"]).all()
    assert (frame["lgd"] <= frame["lgd_upper"]).all()


def test_nothing_later_changes_a_byte_and_row_order_neither(platform) -> None:
    asked = {"as_of": "2012-10-01", "draws": 40}
    first = estimate_lgd(platform, **asked).frame
    tables = {name: platform[name].to_pandas() for name in ("merchants", "loans", "instalments",
              "repayments", "account_events")}  # fmt: skip
    rng = np.random.default_rng(0)
    for name, table in tables.items():
        tables[name] = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    late = tables["repayments"]["at"] >= "2012-10-01"
    assert late.any()
    tables["repayments"].loc[late, ["amount", "principal"]] = 1.0
    pd.testing.assert_frame_equal(first, estimate_lgd(ac.read_records(tables), **asked).frame)
    other = estimate_lgd(platform, as_of="2012-10-01", draws=40, seed=1).frame
    assert not other["lgd_lower"].equals(first["lgd_lower"])


def test_a_cured_loan_counts_what_it_paid() -> None:
    loans = loan_rows(["a", "b"], ["a", "b"], [at("2012-01-01")] * 2)
    paid = pd.DataFrame([payment("a", "2012-05-10", 5075.0, interest=75.0)])
    records = make_records(loans, repayments=paid)
    row = only(estimate_lgd(records, as_of="2014-12-01", rules=LOOSE, workout=FLAT).frame)
    assert (row["defaults"], row["repaid_share"], row["lgd"]) == (2, 0.5, pytest.approx(0.5))


def test_the_estimate_reaches_limits_losses_and_the_policy_id(platform) -> None:
    estimate = estimate_lgd(platform, as_of="2014-01-01", draws=20)
    policy = load_policy("ali-2013")
    shares = lgd_by_product(estimate)
    measured = policy.with_lgd(shares)
    assert measured.policy_id != policy.policy_id
    assert policy.product("taobao_order").economics.lgd == 0.6
    one_by_one = policy
    for product in reversed(list(shares)):
        one_by_one = one_by_one.with_lgd({product: shares[product]})
    assert one_by_one.policy_id == measured.policy_id
    fen, chance = np.array([1_000_000]), np.array([0.02])
    before, _ = year_of_line(fen, chance, policy.product("taobao_order"), policy)
    after, _ = year_of_line(fen, chance, measured.product("taobao_order"), measured)
    assert after[0] / before[0] == pytest.approx(shares["taobao_order"] / 0.6, abs=1e-3)
    assert policy.with_lgd({}) is policy
    with pytest.raises(PolicyError, match="economics"):
        policy.with_lgd({"virtual_card": 0.5})
    book = read_postings(platform)
    states = replay(book, [at("2014-01-01")])
    rows = states.merge(book.loans[["loan_id", "product_id"]], on="loan_id")
    lost = lgd_of_loans(estimate, rows, bound="lgd_upper", otherwise=0.6)
    loss = expected_credit_loss(states, pd_12m=0.01, pd_lifetime=0.02, lgd=lost)
    assert loss.loc[loss["stage"] == 3, "provision_fen"].sum() > 0


def test_ten_bad_inputs_are_refused(platform) -> None:
    few = make_records(loan_rows(["l"], ["m"], [at("2012-01-01")]))
    estimate = estimate_lgd(platform, as_of="2014-01-01", draws=20)
    loans = pd.DataFrame({"product_id": ["virtual_card"]})
    segments = pd.Series(["x"], index=["l0000000"])
    for call, match in (
        (lambda: estimate_lgd(few, as_of="2014-01-01"), "keep the policy's"),
        (lambda: estimate_lgd(platform, as_of="soon"), "as_of"),
        (lambda: estimate_lgd(platform, as_of=at("2013-01-01").tz_localize("UTC")), "zone"),
        (lambda: estimate_lgd(platform, as_of=AS_OF, level=90), "level"),
        (lambda: estimate_lgd(platform, as_of=AS_OF, draws=0), "draws"),
        (lambda: estimate_lgd(platform, as_of=AS_OF, seed=-1), "seed"),
        (lambda: estimate_lgd(platform, as_of=AS_OF, segments=segments), "a word for each"),
        (lambda: estimate_lgd(platform, as_of=AS_OF, segments={"l": "x"}), "Series"),
        (lambda: lgd_by_product(estimate, bound="mean"), "bound"),
        (lambda: lgd_by_product(estimate.frame), "estimate_lgd"),
        (lambda: lgd_of_loans(estimate, loans), "virtual_card"),
        (lambda: lgd_of_loans(estimate, loans[[]]), "product_id"),
        (lambda: WorkoutRules(costs_fen={"sms": 1}), "voice"),
        (lambda: WorkoutRules(costs_fen={"letter": 1}), "letter"),
        (lambda: WorkoutRules(horizon_months=0), "horizon_months"),
        (lambda: LgdRules(least_support=0), "least_support"),
    ):
        with pytest.raises(InputError, match=match):
            call()
    assert lgd_of_loans(estimate, loans, otherwise=0.6).tolist() == [0.6]
