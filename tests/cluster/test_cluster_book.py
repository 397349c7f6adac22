"""A book allocated on Spark: the local one where it is small, elsewhere as good and lawful."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from allocation_books import lender_of, offers_of, tight_lender, tight_rules
from spark_stage import running_spark

from alicredit.allocation import BookRules, allocate, build_offers
from alicredit.allocation.choice import choose_relaxed
from alicredit.allocation.dual import evaluate, find_prices
from alicredit.allocation.offers import read_offers
from alicredit.allocation.single import pose
from alicredit.cluster import allocate_on_cluster, buckets, build_offers_on_cluster
from alicredit.errors import InputError
from alicredit.policy import load_policy

pytest.importorskip("pyspark")
KEY = ["merchant_id", "product_id", "limit"]


@pytest.fixture(scope="module")
def session() -> Any:
    return running_spark()


@pytest.fixture(autouse=True)
def few_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "BUCKETS", 2)


@pytest.fixture(scope="module")
def offers() -> pd.DataFrame:
    return offers_of(600, seed=3, amounts=2, sd=0.2, related=0.3)


def sent(session: Any, frame: pd.DataFrame) -> Any:
    return session.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False))


def collected(book: Any, order: pd.DataFrame) -> pd.DataFrame:
    """Bring offers here in the order in which they were given."""
    frame = book.offers.toArrow().to_pandas()
    at = pd.MultiIndex.from_frame(frame[KEY]).get_indexer(pd.MultiIndex.from_frame(order[KEY]))
    assert len(frame) == len(order)
    return frame.iloc[at].reset_index(drop=True)


@pytest.mark.slow
def test_a_small_book_is_the_local_one_to_the_bit(session: Any, offers: pd.DataFrame) -> None:
    lender, rules = tight_lender(offers), tight_rules(offers)
    local = allocate(offers, lender, rules=rules)
    found = allocate_on_cluster(sent(session, offers), lender, rules=rules)
    assert found.is_exact
    assert found.prices.prices_id == local.prices.prices_id
    pd.testing.assert_frame_equal(collected(found, offers), local.offers, check_exact=True)
    assert (found.value, found.bound) == (local.value, local.bound)


@pytest.mark.slow
def test_a_book_by_sums_is_lawful_and_as_good(session: Any, offers: pd.DataFrame) -> None:
    lender, rules = tight_lender(offers), tight_rules(offers)
    local = allocate(offers, lender, rules=rules)
    mixed = offers.sample(frac=1.0, random_state=1)
    found = allocate_on_cluster(sent(session, mixed), lender, rules=rules, few=0, margin=150)
    assert not found.is_exact
    assert found.bound == pytest.approx(local.bound, rel=1e-7)
    assert found.value <= found.bound * (1 + 1e-9)
    here = collected(found, offers)
    share = here["allocated_limit"] / here["limit"]
    assert found.value == pytest.approx(float((here["expected_profit"] * share).sum()))
    _require_lawful(here, found, lender)
    differs = here["allocated_limit"] != local.offers["allocated_limit"]
    assert differs.mean() < 0.02
    changed = here["is_marginal"] | local.offers["is_marginal"]
    assert changed[differs].all()
    assert found.value >= local.value - 0.002 * abs(local.bound)
    lines = found.constraints.set_index("constraint")
    assert lines.index.tolist() == [each.name for each in found.prices.constraints]


def _require_lawful(here: pd.DataFrame, found: Any, lender: Any) -> None:
    """Hold what was given against every constraint, from the frame alone."""
    share = here["allocated_limit"] / here["limit"]
    mean = here["mean_balance"] * share
    peak = (here["peak_balance"] + found.prices.peak_z * here["peak_sd"]) * share
    used = {"expected_balance": mean.sum(), "peak_balance": peak.sum(),
            "expected_loss": (here["expected_loss"] * share).sum()}  # fmt: skip
    for kind, column in (("region",) * 2, ("category",) * 2, ("product", "product_id")):
        used |= {f"{kind}:{name}": each for name, each in mean.groupby(here[column]).sum().items()}
    small = here["limit"] <= found.prices.small_limit
    used["small_loans"] = (mean * (found.prices.small_share - small)).sum()
    for line in found.constraints.itertuples():
        assert used[line.constraint] == pytest.approx(line.used, abs=1e-3)
        assert line.used <= line.cap + 1e-4 + 1e-9 * abs(line.cap)
    lent = here.groupby("group_id")["allocated_limit"].sum().max()
    assert lent <= float(lender.single_borrower_cap)
    given = here[here["allocated_limit"] > 0]
    assert not given.duplicated(["merchant_id", "product_id"]).any()
    assert (given["allocated_limit"] >= given["minimum"]).all()


@pytest.mark.slow
def test_a_book_by_sums_does_not_depend_on_how_offers_are_cut(session: Any) -> None:
    offers = offers_of(120, seed=8, amounts=2, related=0.3)
    lender, rules = tight_lender(offers), tight_rules(offers)
    found = []
    for seed, parts in ((1, 1), (2, 5)):
        mixed = sent(session, offers.sample(frac=1.0, random_state=seed)).repartition(parts)
        found.append(allocate_on_cluster(mixed, lender, rules=rules, few=0, margin=1))
    one, two = found
    pd.testing.assert_frame_equal(collected(one, offers), collected(two, offers), check_exact=True)
    assert one.prices.prices_id == two.prices.prices_id
    assert (one.value, one.bound, one.capital_value) == (two.value, two.bound, two.capital_value)
    pd.testing.assert_frame_equal(one.constraints, two.constraints, check_exact=True)
    _require_lawful(collected(one, offers), one, lender)  # though one group was asked for
    assert 0 <= one.gap < 0.05
    local = allocate(offers, lender, rules=rules)
    assert one.capital_value == pytest.approx(local.capital_value, rel=1e-3)


@pytest.mark.slow
def test_where_nothing_is_scarce_everybody_gets_the_best_at_no_price(session: Any) -> None:
    offers = offers_of(40, seed=5, amounts=2)
    lender = lender_of(1e12)
    book = allocate_on_cluster(sent(session, offers), lender, few=0)
    here = collected(book, offers)
    assert not any(each.price for each in book.prices.constraints)
    best = offers.groupby(["merchant_id", "product_id"])["expected_profit"].max().clip(lower=0)
    assert book.value == pytest.approx(best.sum(), rel=1e-12)
    assert book.value == pytest.approx(book.bound, rel=1e-12)
    assert book.gap == pytest.approx(0, abs=1e-12)
    assert book.capital_value == 0
    local = allocate(offers, lender)
    assert here["allocated_limit"].tolist() == local.offers["allocated_limit"].tolist()
    given = here["allocated_limit"] > 0
    assert (here.loc[given, "expected_profit"] > 0).all()


@pytest.mark.slow
def test_sums_of_buckets_are_those_of_the_book(session: Any, offers: pd.DataFrame) -> None:
    lender, rules = tight_lender(offers), tight_rules(offers)
    unpriced = allocate(offers, lender, rules=rules).prices
    problem = pose(read_offers(offers, None), unpriced)
    whole = buckets.bucketed(sent(session, offers), None, unpriced)
    assert whole.caps.tolist() == problem.caps.tolist()
    best = find_prices(problem)
    for prices in (np.zeros(len(problem.caps)), best.prices, best.prices * 2 + 0.01):
        mine, one = whole.evaluate(prices), evaluate(problem, prices)
        assert mine.height == pytest.approx(one.height, rel=1e-12)
        assert mine.slope == pytest.approx(one.slope, rel=1e-9, abs=1e-3)
    profit, used = choose_relaxed(problem, best.prices)
    keys, every = whole.margin(best.prices, 10_000)
    assert every
    assert keys == set(offers["group_id"])
    few, every = whole.margin(best.prices, 7)
    assert (len(few), every) == (7, False)
    assert whole.sure(best.prices, keys) == (pytest.approx(used * 0), 0.0)
    assert len(whole.rows_of(few)) == offers["group_id"].isin(few).sum()
    assert profit > 0
    whole.problems.unpersist()


@pytest.mark.slow
def test_approvals_become_the_offers_that_a_local_book_takes(session: Any) -> None:
    rng = np.random.default_rng(6)
    ids = [f"m{k:03d}" for k in range(60)]
    decisions = pd.DataFrame({
        "merchant_id": np.repeat(ids, 2), "product_id": ["taobao_order", "taobao_credit"] * 60,
        "decision": rng.choice(["approve", "decline"], 120), "limit": 5000.0 + np.arange(120) * 100,
        "expected_profit": rng.normal(60, 20, 120), "expected_loss": rng.uniform(0, 9, 120),
    })  # fmt: skip
    applicants = pd.DataFrame({
        "merchant_id": ids, "region": rng.choice(["hunan", "gansu", None], 60),
        "group_id": [f"g{k // 2}" for k in range(60)],
    })  # fmt: skip
    policy = load_policy("ali-2013")
    local = build_offers(decisions, policy, applicants=applicants)
    who = sent(session, applicants)
    found = build_offers_on_cluster(sent(session, decisions), policy, applicants=who)
    here = found.toArrow().to_pandas().sort_values(KEY, ignore_index=True)
    expected = local.sort_values(KEY, ignore_index=True)
    pd.testing.assert_frame_equal(here, expected, check_exact=True, check_dtype=False)
    with pytest.raises(InputError, match="must have every merchant that is approved; found none"):
        build_offers_on_cluster(sent(session, decisions), policy, applicants=who.limit(0))
    with pytest.raises(InputError, match="applicants must have a merchant once; found 'm000'"):
        build_offers_on_cluster(sent(session, decisions), policy, applicants=who.union(who))


@pytest.mark.slow
def test_what_is_no_book_on_a_cluster_is_refused(session: Any, offers: pd.DataFrame) -> None:
    lender = tight_lender(offers)
    frame = sent(session, offers.head(40))
    split = BookRules(common_share=0.5)
    with pytest.raises(InputError, match="must take all of peak_sd as common"):
        allocate_on_cluster(frame, lender, rules=split, few=0)
    two = offers.head(8).assign(group_id=[f"g{k}" for k in range(8)])
    with pytest.raises(InputError, match=r"offers\['group_id'\] must be one for all rows"):
        allocate_on_cluster(sent(session, two), lender, few=0)
    bad = offers.head(40).assign(expected_profit=float("inf"))
    for few in (0, 100):
        with pytest.raises(InputError, match=r"offers\['expected_profit'\] must be finite"):
            allocate_on_cluster(sent(session, bad), lender, few=few)
    with pytest.raises(InputError, match="must have the column 'region'"):
        allocate_on_cluster(frame.drop("region"), lender)
    with pytest.raises(InputError, match="margin must be a whole number"):
        allocate_on_cluster(frame, lender, margin=0)
    with pytest.raises(InputError, match="must be a Policy or a Lender"):
        allocate_on_cluster(frame, "ali-2013", few=0)


def test_a_frame_of_this_machine_is_refused(offers: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="offers must be a Spark frame; found DataFrame"):
        allocate_on_cluster(offers, tight_lender(offers))
