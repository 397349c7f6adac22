"""The catalogue is lawful, told in two languages, and covers every family that DOMAIN 3.3 lists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import alicredit as ac
from alicredit.derived import TABLES
from alicredit.vocabulary import REASONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "catalogue.md"

# Each row of DOMAIN 3.3 that can be read from facts, and columns by which one knows it.
FAMILIES = {
    "tenure": ("merchants_days_since", "merchants_shop_days_since"),
    "certification": ("cert_level", "real_name_verified", "licence_verified", "paying_member"),
    "identity churn": ("merchant_history_identity_count_365d",),
    "scale": ("net_sales_90d", "log_net_settled_90d", "orders_paid_active_days_90d",
              "log_settled_365d"),
    "trend": ("orders_paid_amount_slope_182d", "sales_trend_30_90", "sales_trend_90_365"),
    "volatility": ("orders_paid_amount_cv_182d", "orders_paid_amount_downside_182d",
                   "orders_paid_amount_empty_share_182d"),
    "buyer HHI": ("orders_paid_buyer_id_hhi_180d", "buyer_hhi_normalised_180d",
                  "orders_paid_buyer_id_top_share_180d", "orders_paid_buyer_id_top5_share_180d"),
    "repeat rate": ("orders_paid_buyer_id_repeat_share_180d",),
    "entropy": ("orders_paid_category_entropy_180d", "orders_paid_buyer_region_entropy_180d"),
    "refund rate": ("refund_rate_90d", "refund_count_rate_90d", "refund_rate_change_30_180"),
    "disputes": ("dispute_rate_180d", "disputes_fault_share_365d",
                 "disputes_resolve_hours_median_365d"),
    "ratings": ("ratings_positive_share_90d", "ratings_dsr_mean_180d", "dsr_change_30_180"),
    "violations": ("violations_points_sum_365d", "violations_fake_count_365d"),
    "fulfilment": ("orders_shipped_ship_hours_median_90d", "orders_late_share_90d"),
    "response": ("interactions_daily_median_first_response_s_median_90d", "answer_rate_90d"),
    "activity": ("interactions_daily_seen_active_days_30d", "interactions_daily_seen_days_since",
                 "interactions_daily_active_minutes_sum_90d"),
    "traffic": ("conversion_90d", "ad_share_90d", "ad_payback_90d"),
    "self-trade": ("orders_quick_share_90d", "orders_paid_device_hash_top_share_90d",
                   "buyers_per_device_90d", "buyers_per_address_90d", "orders_repdigit_share_90d",
                   "orders_round_share_90d", "orders_paid_amount_top_share_90d"),
    "pipeline": ("orders_under_way_amount_sum_30d", "orders_under_way_days_since_first_90d"),
    "cash flow": ("cash_coverage_90d", "bank_txns_balance_after_min_90d",
                  "bank_txns_low_share_90d", "bank_txns_low_active_days_90d",
                  "bank_low_days_share_90d"),
    "bank vs platform": ("bank_platform_gap_90d",),
    "declared vs observed": ("declared_overstatement_365d", "declared_gap_365d"),
    "utilities": ("utilities_on_time_share_365d", "power_trend_90_365", "power_to_sales_365d"),
    "customs": ("customs_export_value_usd_sum_365d", "customs_active_days_365d",
                "customs_partner_country_hhi_365d", "customs_trouble_share_365d",
                "import_to_export_365d", "log_export_cny_365d", "customs_month_distinct_365d"),
    "credit behaviour": ("loans_count", "loans_days_since", "utilisation_30d",
                         "repayments_late_share_365d", "loan_dues_on_time_share_365d",
                         "days_late_max_365d", "draws_per_month", "utilisation"),
    "year on year": ("sales_year_on_year",),
    "seasonality": ("sales_over_season_30_180", "sales_over_season_30_365"),
    "shrunk ratings": ("dsr_shrunk_180d", "positive_share_shrunk_180d"),
    "debt service": ("debt_service_coverage_90d", "loan_dues_open_amount_sum_next_90d"),
    "power residual": ("power_residual_365d",),
    "customs prices": ("customs_prices_price_distance_median_365d",
                       "customs_prices_odd_share_365d"),
    "in-loan": ("loan_effects_ad_change_last_365d", "loan_effects_uv_change_last_365d",
                "loan_effects_sales_change_last_365d", "loan_spending_supplier_share_last_365d",
                "loan_spending_transfer_share_last_365d"),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_there(family: str) -> None:
    for name in FAMILIES[family]:
        assert ac.CATALOGUE[name].title


def test_there_are_many_ways_of_looking() -> None:
    ways = {(f.table, f.measure, f.aggregate) for f in ac.CATALOGUE if f.table}
    assert len(ways) >= 60
    assert len(ac.CATALOGUE) >= 200


def test_every_title_stands_once_in_each_language() -> None:
    for language in ("title", "title_zh"):
        counts = Counter(getattr(feature, language) for feature in ac.CATALOGUE)
        assert [title for title, times in counts.items() if times > 1] == []


def test_titles_are_in_the_language_they_claim() -> None:
    for feature in ac.CATALOGUE:
        assert feature.title.isascii(), feature.name
        assert re.search(r"[\u4e00-\u9fff]", feature.title_zh), feature.name


def test_a_number_of_days_in_a_title_is_the_window() -> None:
    for feature in ac.CATALOGUE:
        days = re.search(r"\b(?:of|in) (\d+) days\b", feature.title)
        if feature.table and days and feature.window_days:
            assert int(days[1]) == feature.window_days, feature.name
        chinese = re.match(r"近(\d+)天", feature.title_zh)
        if feature.table and chinese and feature.window_days:
            assert int(chinese[1]) == feature.window_days, feature.name


def test_only_what_lenders_or_studies_say_is_obeyed() -> None:
    for feature in ac.CATALOGUE:
        if feature.direction:
            assert feature.evidence in ("A", "B"), feature.name
            assert feature.expected in (None, feature.direction), feature.name


def test_every_reason_but_the_last_resort_is_named() -> None:
    codes = {feature.code for feature in ac.CATALOGUE}
    assert codes <= set(REASONS)
    unnamed = sum(feature.code == "SC_OTHER" for feature in ac.CATALOGUE)
    assert unnamed < 0.1 * len(ac.CATALOGUE)


def test_no_feature_reads_what_the_law_or_the_declaration_closes() -> None:
    for feature in ac.CATALOGUE:
        assert feature.table not in ("marital", "psych_items")
        assert not feature.restricted
        read = [name for name in feature.columns if feature.table and name in TABLES[feature.table]]
        assert not {"region", "city"} & set(read), feature.name


def test_ratios_of_few_facts_are_missing() -> None:
    for feature in ac.CATALOGUE:
        if feature.aggregate in ("share", "median", "p10", "p90", "std", "hhi", "entropy"):
            assert feature.min_support >= 3, feature.name


def test_the_page_names_features_or_a_reason_for_each_family() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## Families")[1].split("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) - 1 == 32  # DOMAIN 3.3 has as many families
    for family, listed, *absent in rows[1:]:
        names = re.findall(r"`(\w+)`", listed)
        assert set(names) <= set(ac.CATALOGUE.names), family
        assert names or "".join(absent).strip(), family


def page_rows() -> dict[str, list[str]]:
    """Read the cells of each feature's line on the page."""
    rows = {}
    for text in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if text.startswith("| `"):
            rows[cells[0].strip("`")] = cells
    return rows


def test_nothing_is_obeyed_that_the_measured_sign_speaks_against() -> None:
    against = {name for name, cells in page_rows().items() if cells[10] == "against"}
    assert against
    assert [name for name in against if ac.CATALOGUE[name].direction] == []


def test_the_page_lists_every_feature_as_it_is_declared() -> None:
    rows = page_rows()
    described = ac.CATALOGUE.describe().set_index("name")
    assert set(rows) == set(described.index)
    for name, cells in rows.items():
        told = described.loc[name]
        assert cells[1:4] == [told["title"], told["title_zh"], told["unit"]], name
        assert cells[5:9] == [
            told["evidence"], told["code"], str(told["min_support"]), told["tables"],
        ], name  # fmt: skip
        sign = {-1: "-", 0: "", 1: "+"}[told["expected"]] + (" obeyed" if told["direction"] else "")
        assert cells[4] == sign.strip(), name


def test_a_feature_is_in_a_catalogue_by_its_name_and_by_itself() -> None:
    for feature in ac.CATALOGUE.features:
        assert feature.name in ac.CATALOGUE
        assert feature in ac.CATALOGUE
    some = ac.CATALOGUE.subset(["orders_paid_count_90d"])
    assert "orders_paid_count_90d" in some
    assert "orders_paid_count_30d" not in some
    assert "orders_paid_count" not in some
    assert ac.CATALOGUE["orders_paid_count_30d"] not in some
    assert 3 not in some
    assert None not in some


def test_a_part_that_lacks_is_told_with_the_name_that_is_near() -> None:
    words = {"title": "orders", "title_zh": "订单"}
    count = ac.Feature(table="orders", aggregate="count", window_days=90, **words)
    parts = ("orders_count_9d", "orders_count_90d")
    share = ac.Feature(aggregate="ratio", label="share", of=parts, **words)
    told = r"found no such one\. Try: did you mean 'orders_count_90d'\.$"
    with pytest.raises(ac.FeatureError, match=told):
        ac.Catalogue((count, share))
