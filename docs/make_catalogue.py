"""Write catalogue.md: every built-in feature, and what its sign was on a simulated platform.

Run by ``make catalogue``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import alicredit as ac
from alicredit.evaluation import measure_signs

HERE = Path(__file__).resolve().parent
HEAD = """# The catalogue of features

Each built-in feature: what it reads, what it means in English and Chinese, its unit, the sign that
is expected of it (+ more is riskier, - more is safer, and whether the model obeys it), the evidence
(A a study of default, B lenders' practice or an adjacent study, J judgement), its reason code, and
the least number of facts it needs. `CATALOGUE.describe()` gives the same as a frame.

The last columns hold the expected sign against the loans of a simulated platform of 20,000
merchants, whose default rate was raised to 5 % on purpose, one loan a merchant and month: the area
under the ROC curve of the feature alone, with its 95 % interval by merchant (above 0.5: more goes
with default), what it says of the expected sign, and in how many half-years it lay on the same
side. A sign found here shows that the feature is computed as meant, not that it holds for real
merchants; one that is open or against is for a lender's own data to decide, which
`alicredit.evaluation.measure_signs` asks. A column that the simulator does not make gives no data.
"""
FAMILIES = (
    ("tenure", "merchants_days_since merchants_shop_days_since",
     "logarithms: a model of steps is the same without them"),
    ("certification", "cert_level real_name_verified licence_verified paying_member", ""),
    ("changes of identity", "merchant_history_identity_count_365d", ""),
    ("scale", ("log_net_settled_90d net_sales_90d orders_paid_active_days_90d "
     "orders_paid_buyer_id_distinct_180d"), ""),
    ("trend", "orders_paid_amount_slope_182d sales_trend_30_90 sales_trend_90_365", ""),
    ("against a year ago", "sales_year_on_year", ""),
    ("volatility", ("orders_paid_amount_cv_182d orders_paid_amount_downside_182d "
     "orders_paid_amount_empty_share_182d"),
     "weeks net of refunds: a refund belongs to the week of no order, so weeks are of paid sales"),
    ("seasonality", "sales_over_season_30_180 sales_over_season_30_365", ""),
    ("concentration of buyers", ("orders_paid_buyer_id_hhi_180d buyer_hhi_normalised_180d "
     "orders_paid_buyer_id_top_share_180d orders_paid_buyer_id_top5_share_180d"), ""),
    ("buyers who come again", "orders_paid_buyer_id_repeat_share_180d", ""),
    ("spread over categories and regions",
     "orders_paid_category_entropy_180d orders_paid_buyer_region_entropy_180d", ""),
    ("refunds", "refund_rate_90d refund_count_rate_90d refund_rate_change_30_180", ""),
    ("disputes", "dispute_rate_180d disputes_fault_share_365d disputes_resolve_hours_median_365d",
     ""),
    ("ratings", ("ratings_positive_share_90d ratings_dsr_desc_mean_180d "
     "ratings_dsr_service_mean_180d ratings_dsr_ship_mean_180d dsr_change_30_180 dsr_shrunk_180d "
     "positive_share_shrunk_180d"), ""),
    ("violations", "violations_points_sum_365d violations_fake_count_365d", ""),
    ("fulfilment", ("orders_shipped_ship_hours_median_90d orders_late_share_90d "
     "orders_confirmed_confirm_hours_median_90d"), ""),
    ("response", "interactions_daily_median_first_response_s_median_90d answer_rate_90d", ""),
    ("activity", ("interactions_daily_seen_active_days_30d interactions_daily_seen_days_since "
     "interactions_daily_listing_edits_sum_90d interactions_daily_active_minutes_sum_90d"), ""),
    ("traffic and advertising", ("traffic_daily_uv_sum_90d conversion_90d ad_share_90d "
     "ad_payback_90d"), ""),
    ("trade with oneself", ("buyers_per_device_90d buyers_per_address_90d "
     "orders_paid_device_hash_top_share_90d orders_paid_address_hash_top_share_90d "
     "orders_quick_share_90d orders_repdigit_share_90d orders_round_share_90d "
     "orders_paid_amount_top_share_90d"), ""),
    ("orders under way", ("orders_under_way_amount_sum_30d orders_under_way_days_since_first_90d "
     "utilisation"), ""),
    ("cash flow", ("debt_service_coverage_90d bank_txns_balance_after_min_90d "
     "bank_txns_low_active_days_90d bank_low_days_share_90d"),
     "days between postings: a balance is known at postings alone, and none is carried on"),
    ("bank against platform", "bank_platform_gap_90d", ""),
    ("declared against observed", "declared_overstatement_365d declared_gap_365d", ""),
    ("utilities", ("utilities_on_time_share_365d utilities_power_billed_sum_365d "
     "power_trend_90_365 power_residual_365d"), ""),
    ("customs", ("log_export_cny_365d customs_count_365d customs_month_distinct_365d "
     "customs_partner_country_hhi_365d customs_trouble_share_365d import_to_export_365d "
     "customs_prices_price_distance_median_365d"), ""),
    ("customs against declared exports", "",
     ("no table holds exports that a merchant declared to the lender: `declared_sales` knows sales "
     "beside the platform, offline and in all")),
    ("credit behaviour", ("loans_count days_late_max_365d loan_dues_on_time_share_365d "
     "draws_per_month loans_days_since utilisation"), ""),
    ("psychometric answers", "",
     "restricted, in no catalogue of ours: `CATALOGUE + PSYCHOMETRIC` under a stated legal basis"),
    ("marital status", "", "a prohibited basis: a declaration that reads it is refused"),
    ("use of a loan", ("loan_effects_ad_change_last_365d loan_effects_uv_change_last_365d "
     "loan_effects_sales_change_last_365d loan_spending_supplier_share_last_365d "
     "loan_spending_transfer_share_last_365d"), ""),
    ("after a loan fell due", ("loan_dues_overdue_amount_sum loan_dues_open_days_since_first "
     "collections_count_365d"), ("promises kept, contact and conduct: `alicredit.recovery` works "
     "on debtors, whom no new loan is scored for")),
)  # fmt: skip
"""Family of the domain, some of its features, and what of it is not there and why."""

SIGNS = {-1: "-", 0: "", 1: "+"}


def measured() -> pd.DataFrame:
    """Hold every feature against the labels of a simulated platform."""
    records, _ = ac.simulate_platform(20_000, seed=7, orders_per_month=4, default_rate=0.05)
    cohort = ac.Cohort.of_loans(records)
    month = cohort.frame["as_of"].dt.to_period("M")
    first = ~cohort.frame.assign(month=month).duplicated(["merchant_id", "month"])
    cohort = cohort[first.to_numpy()]
    X = ac.build_features(records, cohort)
    y = ac.label_defaults(records, cohort)
    return measure_signs(X, y, ac.CATALOGUE.expected, cohort=cohort).set_index("feature")


def lines(found: pd.DataFrame) -> Iterator[str]:
    """Write the page line by line, one table of features for each table of records."""
    yield HEAD
    told = found["verdict"].value_counts()
    known = ", ".join(f"{told.get(word, 0)} {word}" for word in ("as expected", "against", "open"))
    yield f"Of {len(ac.CATALOGUE.names)} features: {known}.\n"
    yield from families()
    frame = ac.CATALOGUE.describe().set_index("name")
    frame["main"] = [names.split(", ")[0] for names in frame["tables"]]
    for table in dict.fromkeys(frame["main"]):
        yield f"## {table}\n"
        yield (
            "| feature | meaning | 含义 | unit | sign | evidence | code | least | reads "
            "| AUC | sign found | half-years |"
        )
        yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
        for name, row in frame[frame["main"] == table].iterrows():
            yield line(str(name), row, found.loc[name])
        yield ""


def families() -> Iterator[str]:
    """Write which features stand for each family, and what is not there."""
    yield "## Families\n"
    yield "Some features of each family, and what of it is not there, with the reason.\n"
    yield "| family | features | not there |"
    yield "|---|---|---|"
    for family, names, absent in FAMILIES:
        listed = ", ".join(f"`{ac.CATALOGUE[name].name}`" for name in names.split())
        yield f"| {family} | {listed} | {absent} |"
    yield ""


def line(name: str, row: pd.Series, seen: pd.Series) -> str:
    """Write one feature."""
    sign = SIGNS[row["expected"]] + (" obeyed" if row["direction"] else "")
    area = "" if seen["verdict"] == "no data" else "{auc:.2f} ({low:.2f}-{high:.2f})".format(**seen)
    steady = f"{seen['periods_same_side']}/{seen['periods']}" if seen["periods"] else ""
    cells = (
        f"`{name}`", row["title"], row["title_zh"], row["unit"], sign, row["evidence"],
        row["code"], row["min_support"], row["tables"], area, seen["verdict"], steady,
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    text = "\n".join(lines(measured()))
    (HERE / "catalogue.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(ac.CATALOGUE.names)} features\n")


if __name__ == "__main__":
    main()
