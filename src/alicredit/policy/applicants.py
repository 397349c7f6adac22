"""Facts of applicants that rules and limits read, as they were known at a moment."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import nearest, refuse
from alicredit.cohort import Cohort, require_cohort
from alicredit.ledger import hold_unpaid
from alicredit.policy.related import STANDING, links_sql
from alicredit.policy.sold import PERIODS, hold_orders, order_queries, turnover_query
from alicredit.records import Records, require_records
from alicredit.records.bounds import query_refused
from alicredit.records.sources import literal

_PROFILE = """
SELECT q.row, count(*) AS snapshots, any_value(m.platform) AS platform,
       any_value(m.membership) AS membership, any_value(m.region) AS region,
       any_value(m.city) AS city,
       min(m._happened) AS registered_at,
       min(CASE WHEN m.shop_opened_at < {as_of} THEN m.shop_opened_at END) AS shop_opened_at
FROM question q JOIN ({merchants}) m ON m._merchant_id = q.merchant_id
 AND m._happened < {as_of} AND m._known < {as_of} GROUP BY q.row
"""
_HISTORY = """
SELECT q.row,
       last(h.value ORDER BY h._happened, h._key) FILTER (WHERE h.field = 'membership')
         AS membership_now,
       last(h.value ORDER BY h._happened, h._key) FILTER (WHERE h.field = 'region') AS region_now,
       last(h.value ORDER BY h._happened, h._key) FILTER (WHERE h.field = 'city') AS city_now
FROM question q JOIN ({merchant_history}) h ON h._merchant_id = q.merchant_id
 AND h._happened < {as_of} AND h._known < {as_of} GROUP BY q.row
"""
_BLACKLIST = """
SELECT q.row, count(*) AS listed FROM question q JOIN ({blacklist}) b
  ON b._merchant_id = q.merchant_id AND b._happened < {as_of} AND b._known < {as_of}
WHERE b."to" IS NULL OR b."to" >= {as_of} GROUP BY q.row
"""
_RATINGS = """
SELECT q.row, count(*) AS ratings,
       count(*) FILTER (WHERE r.polarity = 1) / CAST(count(*) AS DOUBLE) AS positive_rating_share
FROM question q JOIN ({ratings}) r ON r._merchant_id = q.merchant_id
 AND r._happened < {as_of} AND r._known < {as_of} AND r._happened >= {as_of} - INTERVAL 365 DAY
 AND r._happened >= {since_year}
GROUP BY q.row
"""
_VIOLATIONS = """
SELECT q.row, sum(v.points) AS violation_points_365d
FROM question q JOIN ({violations}) v ON v._merchant_id = q.merchant_id
 AND v._happened < {as_of} AND v._known < {as_of} AND v._happened >= {as_of} - INTERVAL 365 DAY
GROUP BY q.row
"""
_BALANCE = """
CREATE TEMP TABLE balance AS
SELECT q.row, u.loan_id, u.owed_fen FROM question q JOIN unpaid u
  ON u.merchant_id = q.merchant_id AND u.as_of = q.as_of AND u.owed_fen > 0
"""
_OWED = "SELECT row, CAST(sum(owed_fen) AS BIGINT) AS owed_fen FROM balance GROUP BY row"
_LEAST_HAIRCUT = 0.02


def build_applicants(
    records: Records, cohort: Cohort, *, counted: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Gather what rules and limits must know of each row, from facts visible before its as_of.

    Membership and region come from ``merchant_history`` where it speaks, from registration
    otherwise. Monthly sales are the median of six periods of 30 days of settled orders net of their
    refunds. The order base holds orders shipped and not confirmed, at most 30 days old, escrowed,
    not virtual, without a claim, not pledged to an open loan, less a haircut of the shop's 90-day
    refund rate, at least 2 % (DOMAIN 1.4). Orders of buyers behind whom the shop itself seems to
    stand count in none of these: the merchant, its related parties, and who confirmed two orders
    or more within a day of shipment over 180 days, a third of all that he confirmed (assumed).

    Parameters
    ----------
    records : Records
        The platform's records; a fact whose table is absent is missing, except that no blacklist,
        violations, events of accounts or loans mean none. Tables whose rows find their merchant
        through another (refunds, ratings: through orders) are absent where that is.
    cohort : Cohort
        Who, and as of when.
    counted : pandas.DataFrame or None, default None
        What has been counted of the cohort's rows already, in their order, and is not again:
        ``ratings`` and ``positive_rating_share`` of 365 days; ``refunded_fen`` and ``sold_fen`` of
        90 days (what was refunded, what was paid); ``settled_0`` to ``settled_5`` and
        ``settled_year``, fen of all orders that were confirmed in periods of 30 days, the last
        first, and in 12 months; each of these groups or none. None: nothing.

    Returns
    -------
    pandas.DataFrame
        ``merchant_id, as_of``, the columns that policies read (``Policy.required_columns``),
        ``ratings``, and ``snapshots``: how often the merchant stands in the table of merchants.
        With the table of related parties also how many others each is linked with directly:
        ``linked_shops`` (of the same person), ``shared_device``, ``shared_address``, and how many
        of all these are blacklisted, sealed or found in fraud (``related_barred``).

    Raises
    ------
    RecordError
        If rows cannot be read.
    InputError
        If ``counted`` has other rows or columns, or a part of a group.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...     "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> build_applicants(records, Cohort.at(records, "2013-05-01"))["platform"].tolist()
    ['taobao']
    >>> build_applicants(records, Cohort.at(records, "2001-05-01"))
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must lie after the first merchant is known; ...
    """
    require_records(records)
    require_cohort(cohort)
    facts = {name: records.fact_sql(name) for name in _USED if records.holds_facts(name)}
    con = records.connect([name for name in APPLICANT_TABLES if name in records], kept=True)
    try:
        con.register("question_rows", _questions(cohort))
        con.execute("CREATE TEMP TABLE question AS SELECT * FROM question_rows")
        parts = facts | _moments(cohort)
        if "loans" in facts:
            unpaid = hold_unpaid(con, records)
            con.execute(_BALANCE)
        for sql in hold_orders(parts) if "orders" in facts else ():
            con.execute(sql)
        frame = _rows(cohort, counted)
        for sql in _queries(records, parts, frame):
            frame = frame.merge(con.execute(sql).df(), on="row", how="left")
        frame["days_past_due"] = unpaid.count_days() if "loans" in facts else 0.0
    except duckdb.Error as error:
        rule = "must be readable while facts of applicants are gathered"
        raise query_refused(error, rule, do="run find_problems") from error
    finally:
        con.close()
    return _named(frame, cohort, facts)


_USED = (
    "merchants", "merchant_history", "orders", "refunds", "disputes", "ratings", "violations",
    "blacklist", "loans", "loan_orders", "repayments", "account_events", "related_parties",
)  # fmt: skip
COUNTED = (
    ("ratings", "positive_rating_share"),
    ("refunded_fen", "sold_fen"),
    (*(f"settled_{period}" for period in range(PERIODS)), "settled_year"),
)
"""What may have been counted already, in groups of which all or nothing is."""
APPLICANT_TABLES = (*_USED, "instalments", "restructures")
"""Tables that facts of applicants are gathered from; the last two tell the days past due."""


def _moments(cohort: Cohort) -> dict[str, str]:
    """Write the moments between which questions read, which a reader of files can skip by.

    ``as_of`` is that of a question ``q``; where all have one it is written out for the same reason.
    """
    first = cohort.frame["as_of"].min()
    days = {"since_month": 31, "since_quarter": 91, "since_half": 181, "since_year": 367}
    moments = {name: first - pd.Timedelta(days=many) for name, many in days.items()}
    moments["last"] = cohort.frame["as_of"].max()
    texts = {name: f"TIMESTAMP {literal(str(each))}" for name, each in moments.items()}
    return texts | {"as_of": texts["last"] if first == moments["last"] else "q.as_of"}


def _questions(cohort: Cohort) -> pa.Table:
    """Lay out the questions for the joins."""
    return pa.table(
        {
            "row": pa.array(np.arange(len(cohort), dtype=np.int64)),
            "merchant_id": pa.array(cohort.frame["merchant_id"].tolist(), pa.string()),
            "as_of": pa.array(cohort.frame["as_of"].to_numpy().astype("datetime64[us]")),
        }
    )


def _rows(cohort: Cohort, counted: pd.DataFrame | None) -> pd.DataFrame:
    """Number the questions, with what has been counted of them."""
    rows = pd.DataFrame({"row": np.arange(len(cohort))})
    if counted is None:
        return rows
    if len(counted) != len(cohort):
        rule = f"must have a row for each of {len(cohort)} questions"
        refuse("counted", rule, f"{len(counted)} rows")
    for group in COUNTED:
        lacking = [name for name in group if name not in counted]
        if 0 < len(lacking) < len(group):
            refuse("counted", f"must have all of {', '.join(group)}, or none", f"no {lacking[0]!r}")
    known = {name for group in COUNTED for name in group}
    unknown = [str(name) for name in counted if name not in known]
    if unknown:
        rule = "must have no columns but those that are counted"
        refuse("counted", rule, repr(unknown[0]), nearest(unknown[0], known))
    return rows.assign(**{name: counted[name].to_numpy(np.float64) for name in counted})


def _queries(records: Records, facts: dict[str, str], told: pd.DataFrame) -> list[str]:
    """Write the queries that the present tables allow, of what is not told yet."""
    simple = {
        "merchants": _PROFILE,
        "merchant_history": _HISTORY,
        "blacklist": _BLACKLIST,
        "violations": _VIOLATIONS,
        "account_events": STANDING,
        "loans": _OWED,
    }
    queries = [sql.format(**facts) for name, sql in simple.items() if name in facts]
    if "related_parties" in facts:
        queries.append(links_sql(facts))
    if "orders" not in facts:
        return queries
    if "ratings" in facts and "ratings" not in told:
        queries.append(_RATINGS.format(**facts))
    if "sold_fen" not in told:
        queries.append(turnover_query(facts))
    has_balance, is_counted = "loans" in facts, "settled_year" in told
    both = order_queries(records, facts, has_balance=has_balance, is_counted=is_counted)
    return [*queries, *both]


def _named(frame: pd.DataFrame, cohort: Cohort, facts: dict[str, str]) -> pd.DataFrame:
    """Name the facts as policies do; amounts in yuan."""
    has_orders = "orders" in facts
    empty = pd.Series([None] * len(frame), dtype=object)
    median, year = _sold(frame)
    base = frame.get("base_fen", empty).astype(float).fillna(0)
    refunded = frame.get("refunded_fen", empty).astype(float).fillna(0)
    sold = frame.get("sold_fen", empty).astype(float).fillna(0)
    haircut = (refunded / sold.where(sold > 0)).fillna(0).clip(_LEAST_HAIRCUT, 1)
    net = np.floor(base * (1 - haircut)) / 100
    profile = {
        name: frame.get(f"{name}_now", empty).where(
            frame.get(f"{name}_now", empty).notna(), frame.get(name, empty)
        )
        for name in ("membership", "region", "city")
    }
    points = frame.get("violation_points_365d", empty).astype(float).fillna(0)
    links = {
        name: frame[name].astype(float).fillna(0)
        for name in ("linked_shops", "shared_device", "shared_address", "related_barred")
        if name in frame
    }
    return pd.DataFrame(
        {
            "merchant_id": cohort.frame["merchant_id"],
            "as_of": cohort.frame["as_of"],
            "platform": frame.get("platform", empty),
            **profile,
            "registered_at": frame.get("registered_at", empty),
            "shop_opened_at": frame.get("shop_opened_at", empty),
            "blacklisted": frame.get("listed", empty).astype(float).fillna(0) > 0,
            "days_past_due": frame["days_past_due"],
            "positive_rating_share": frame.get("positive_rating_share", empty).astype(float),
            "ratings": frame.get("ratings", empty).astype(float).fillna(0),
            "violation_points_365d": points,
            "monthly_sales_median_180d": median if has_orders else np.nan,
            "order_base": net if has_orders else np.nan,
            "outstanding": frame.get("owed_fen", empty).astype(float).fillna(0) / 100,
            "sales_12m": year if has_orders else np.nan,
            "account_sealed": (frame.get("seal", empty) == "sealed").astype(bool),
            "fraud_found": frame.get("fraud_found", empty).astype(float).fillna(0) > 0,
            **links,
            "snapshots": frame.get("snapshots", empty).astype(float).fillna(0),
        }
    )


def _sold(frame: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give the median of the periods' sales and the year's, in yuan; neither is below nothing."""
    if "settled_year" not in frame:
        empty = pd.Series([None] * len(frame), dtype=object)
        months = frame.get("months", empty)
        median = [(m[2] + m[3]) / 200 if isinstance(m, list | np.ndarray) else 0.0 for m in months]
        year = frame.get("year_fen", empty).astype(float).fillna(0) / 100
        return np.array(median, np.float64), year.to_numpy(np.float64)
    of_all = ["settled_year", *(f"settled_{period}" for period in range(PERIODS))]
    off = ["off_fen", *(f"off_{period}" for period in range(PERIODS))]
    net = np.maximum(frame[of_all].to_numpy() + frame[off].astype(float).fillna(0).to_numpy(), 0)
    periods = np.sort(net[:, 1:], axis=1)
    return (periods[:, 2] + periods[:, 3]) / 200, net[:, 0] / 100
