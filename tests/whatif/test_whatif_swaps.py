"""A comparison of policies is what plain sums over the two answers are, whatever the order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.decision import COLUMNS
from alicredit.errors import InputError
from alicredit.policy import load_policy
from alicredit.whatif import compare_policies
from alicredit.whatif.resampling import Bootstrap
from alicredit.whatif.swaps import SETS

MONEY = ("limit", "expected_loss", "expected_profit")


def decisions(size: int, seed: int, share: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    keys = [(f"m{k}", product) for k in range(size) for product in ("p", "q")]
    frame = pd.DataFrame(keys, columns=["merchant_id", "product_id"]).assign(
        decision=np.where(rng.random(2 * size) < share, "approve", "decline"),
        limit=rng.integers(1, 100, 2 * size) * 100.0,
        expected_loss=rng.integers(0, 100, 2 * size) / 4,
        expected_profit=rng.integers(-50, 100, 2 * size) / 4,
    )
    frame.loc[frame["decision"] != "approve", list(MONEY)] = 0.0
    return frame.reindex(columns=list(COLUMNS))


def value_of(frame: pd.DataFrame, name: str, measure: str) -> float:
    return frame.set_index(["set", "measure"]).loc[(name, measure), "value"]


@settings(max_examples=25)
@given(size=st.integers(1, 25), seed=st.integers(0, 999), data=st.data())
def test_sets_and_totals_are_those_of_a_plain_loop(size, seed, data) -> None:
    one, other = decisions(size, seed), decisions(size, seed + 1, data.draw(st.floats(0, 1)))
    told = compare_policies(one, other, resamples=20)
    want = {name: dict.fromkeys(("decisions", *MONEY), 0.0) for name in SETS}
    for a, b in zip(one.to_dict("records"), other.to_dict("records")):
        was, is_ = a["decision"] == "approve", b["decision"] == "approve"
        name = {(1, 1): "both", (1, 0): "only_before", (0, 1): "only_after"}.get((was, is_))
        sums = want[name or "neither"]
        sums["decisions"] += 1
        for money in MONEY:
            sums[money] += (a if name == "only_before" else b)[money]
    for name, sums in want.items():
        for measure, total in sums.items():
            assert value_of(told.swaps, name, measure) == pytest.approx(total)
    totals = told.totals.set_index("measure")
    for money in MONEY:
        assert totals.loc[money, "before"] == pytest.approx(one[money].sum())
        assert totals.loc[money, "after"] == pytest.approx(other[money].sum())
    assert np.allclose(totals["change"], totals["after"] - totals["before"])
    assert (told.swaps["lower"] <= told.swaps["upper"]).all()


@settings(max_examples=10)
@given(size=st.integers(2, 20), seed=st.integers(0, 99))
def test_turned_round_the_sets_change_places_and_order_is_no_matter(size, seed) -> None:
    one, other = decisions(size, seed), decisions(size, seed + 1)
    told = compare_policies(one, other, resamples=30)
    mixed = compare_policies(one.sample(frac=1, random_state=1), other[::-1], resamples=30)
    for name in ("swaps", "totals", "warnings"):
        pd.testing.assert_frame_equal(getattr(told, name), getattr(mixed, name))
    back = compare_policies(other, one, resamples=30)
    assert np.allclose(back.totals["change"], -told.totals["change"])
    for measure in ("decisions", *MONEY):
        there = value_of(told.swaps, "only_after", measure)
        assert value_of(back.swaps, "only_before", measure) == there


def test_a_policy_against_itself_changes_nothing_for_certain() -> None:
    one = decisions(50, 1)
    told = compare_policies(one, one)
    assert (told.totals[["change", "lower", "upper"]] == 0).all(axis=None)
    assert value_of(told.swaps, "only_after", "decisions") == 0
    assert value_of(told.swaps, "only_before", "decisions") == 0


def test_the_interval_is_that_of_the_normal_law_for_many_merchants() -> None:
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, 3.0, 4000)
    draw = Bootstrap(np.arange(4000), 4000)
    draw.add(values)
    draw.add(values, np.ones(4000))
    (total, low, high), (mean, below, above) = draw.figures(2000, 7)
    deviation = values.std() * np.sqrt(4000)
    assert total == pytest.approx(values.sum())
    assert high - total == pytest.approx(1.645 * deviation, rel=0.08)
    assert total - low == pytest.approx(1.645 * deviation, rel=0.08)
    assert (mean, below, above) == pytest.approx((total / 4000, low / 4000, high / 4000))


def test_a_merchants_rows_are_drawn_together() -> None:
    values = np.tile([1.0, -1.0], 300)  # each merchant gains one and loses one: the sum is sure
    together = Bootstrap(np.repeat(np.arange(300), 2), 300)
    together.add(values)
    apart = Bootstrap(np.arange(600), 600)
    apart.add(values)
    assert together.figures(100, 1) == [(0.0, 0.0, 0.0)]
    assert apart.figures(100, 1)[0][2] > 10


def test_seeds_give_the_same_bytes_and_others_other_samples() -> None:
    one, other = decisions(40, 1), decisions(40, 2)
    first, again, third = (compare_policies(one, other, seed=s).totals for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(third)


def test_approvals_by_group_are_shares_with_four_fifths_of_the_largest_flagged() -> None:
    one, other = decisions(60, 3), decisions(60, 4)
    groups = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(60)],
                           "region": np.where(np.arange(60) % 3 == 0, "a", "b")})  # fmt: skip
    other.loc[other["merchant_id"].isin(groups.loc[groups["region"] == "a", "merchant_id"]),
              ["decision", *MONEY]] = ["decline", 0, 0, 0]  # fmt: skip
    told = compare_policies(one, other, groups=groups).groups.set_index("group")
    assert told["merchants"].to_dict() == {"a": 20, "b": 40}
    for name in "ab":
        mine = groups.loc[groups["region"] == name, "merchant_id"]
        for side, frame in (("before", one), ("after", other)):
            share = (frame[frame["merchant_id"].isin(mine)]["decision"] == "approve").mean()
            assert told.loc[name, side] == pytest.approx(share)
    assert told["is_low"].tolist() == [True, False]
    assert told.loc["a", "upper"] < 0
    assert compare_policies(one, other).groups.empty


def test_what_really_came_of_each_set_is_told_where_it_is_known() -> None:
    one, other = decisions(80, 5), decisions(80, 6)
    rng = np.random.default_rng(1)
    labels = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(80)],
                           "label": rng.choice([0.0, 1.0, np.nan], 80)})  # fmt: skip
    told = compare_policies(one, other, labels=labels).swaps
    both = (one["decision"] == "approve") & (other["decision"] == "approve")
    outcome = labels.set_index("merchant_id")["label"].loc[one.loc[both, "merchant_id"]]
    assert value_of(told, "both", "labelled") == outcome.notna().sum()
    assert value_of(told, "both", "default_rate") == pytest.approx(outcome.mean())
    row = told.query("set == 'both' and measure == 'default_rate'").iloc[0]
    assert row["lower"] < row["value"] < row["upper"]


def test_merchants_that_no_past_policy_approved_are_warned_of() -> None:
    one, other = decisions(30, 7), decisions(30, 8)
    seen = [f"m{k}" for k in range(10)]
    told = compare_policies(one, other, past=pd.DataFrame({"merchant_id": seen})).warnings
    approved = other[other["decision"] == "approve"]
    new = approved[~approved["merchant_id"].isin(seen)]
    assert told["code"].tolist() == ["NEVER_APPROVED"]
    assert told["merchants"].iloc[0] == new["merchant_id"].nunique()
    assert told["share_of_limit"].iloc[0] == pytest.approx(
        new["limit"].sum() / approved["limit"].sum()
    )
    whole = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(30)]})
    assert compare_policies(one, other, past=whole).warnings.empty
    assert compare_policies(one, other).warnings["code"].tolist() == ["PAST_UNKNOWN"]
    known = whole.assign(label=np.where(np.arange(30) < 10, 0.0, np.nan))
    told = compare_policies(one, other, past=whole, labels=known).warnings
    assert told["code"].tolist() == ["NO_OUTCOME"]
    assert told["text_zh"].str.len().gt(0).all()


def test_policies_are_compared_on_features_as_their_decisions_are() -> None:
    model, before = make_model("points", 4), load_policy("ali-2013")
    after = replace(before, products={
        k: replace(p, max_pd=0.003) if p.is_active else p for k, p in before.products.items()
    })  # fmt: skip
    people = draw_rows(model.feature_names, 80, np.random.default_rng(1)).assign(
        merchant_id=[f"m{k}" for k in range(80)], platform="taobao", region="zhejiang",
        membership="paying", registered_at="2008-01-01", shop_opened_at="2010-01-01",
        blacklisted=False, days_past_due=0, positive_rating_share=0.99, outstanding=0.0,
        violation_points_365d=0.0, monthly_sales_median_180d=8e4, order_base=6e4,
    )  # fmt: skip
    asked = {"features": people, "model": model, "as_of": "2013-05-01"}
    told = compare_policies(before, after, **asked)
    frames = [ac.score_portfolio(None, policy=p, **asked) for p in (before, after)]
    pd.testing.assert_frame_equal(told.swaps, compare_policies(*frames).swaps)
    assert value_of(told.swaps, "only_after", "decisions") == 0
    assert value_of(told.swaps, "only_before", "decisions") > 0
    fewer = frames[1][frames[1]["product_id"] == "taobao_order"]  # one that lends less products
    told = compare_policies(frames[0], fewer).swaps
    assert value_of(told, "only_after", "decisions") == 0


ONE = decisions(5, 1)
LABELS = pd.DataFrame({"merchant_id": ["m0"], "label": [1.0]})


@pytest.mark.parametrize(
    ("before", "after", "options", "says"),
    [
        (ONE, ONE.iloc[:-2], {}, "same merchants"), (pd.concat([ONE, ONE]), ONE, {}, "once"),
        (ONE.drop(columns="limit"), ONE, {}, "limit"), (ONE, 3, {}, "must be decisions"),
        (ONE, "cn-2025", {"features": ONE}, "model must be given"),
        (ONE.iloc[:0], ONE.iloc[:0], {}, "somebody"), (ONE, ONE, {"resamples": 1}, "resamples"),
        (ONE, ONE, {"seed": -1}, "seed"), (ONE, ONE, {"past": []}, "past"),
        (ONE, ONE, {"groups": ONE[["merchant_id"]]}, "one more column"),
        (ONE, ONE, {"groups": LABELS}, "every merchant"),
        (ONE, ONE, {"groups": pd.concat([LABELS, LABELS])}, "each merchant once"),
        (ONE, ONE, {"labels": LABELS.assign(label=0.5)}, "0, 1 or missing"),
        (ONE, ONE, {"labels": pd.concat([LABELS, LABELS])}, "once"),
        (ONE.assign(decision="approve", limit=np.nan), ONE, {}, "know the money"),
        (ONE, ONE, {"past": ONE[["product_id"]]}, "merchant_id"),
        (ONE, ONE, {"labels": LABELS[["label"]]}, "merchant_id"),
        (ONE, ONE, {"groups": LABELS.assign(more=1)}, "one more column"),
        (ONE.assign(decision="approve", expected_profit=np.inf), ONE, {}, "know the money"),
    ],
)  # fmt: skip
def test_bad_comparisons_are_refused(before, after, options, says) -> None:
    with pytest.raises(InputError, match=says):
        compare_policies(before, after, **options)


def test_a_ratio_over_nothing_is_unknown_and_leaves_out_samples_without_any() -> None:
    draw = Bootstrap(np.arange(3), 3)
    draw.add(np.ones(3), np.zeros(3))
    draw.add(np.array([1.0, 0.0, 0.0]), np.array([2.0, 0.0, 0.0]))  # a half, wherever it is drawn
    draw.add(np.array([1.0, 2.0, 3.0]))
    none, half, total = draw.figures(200, 1)
    assert np.isnan(none).all()
    assert half == (0.5, 0.5, 0.5)
    assert total[0] == 6.0
    assert 3.0 <= total[1] < total[0] < total[2] <= 9.0


def test_money_of_what_is_not_approved_counts_for_nothing() -> None:
    one = decisions(6, 1).assign(decision="decline", limit=50.0, expected_loss=1.0,
                                 expected_profit=2.0)  # fmt: skip
    other = one.assign(decision="approve")
    told = compare_policies(one, other, resamples=20)
    totals = told.totals.set_index("measure")
    assert totals["before"].eq(0.0).all()
    assert totals["after"].to_dict() == {
        "approvals": 12.0, "limit": 600.0, "expected_loss": 12.0, "expected_profit": 24.0,
    }  # fmt: skip
    assert value_of(told.swaps, "neither", "limit") == 0.0
