"""What loans were used for, and what goods were declared at: in yuan, and against peers."""

from __future__ import annotations

from alicredit.derived.declaration import DerivedTable
from alicredit.records import Column, Table
from alicredit.records.declaration import code, later, merchant_column, moment, number, yuan

_BROKEN = 1e9
"""What a change is where an impossible value goes into it: out of bounds, so no number."""

_EFFECTS = f"""
WITH loan AS (
  SELECT loan_id, _merchant_id AS merchant_id, CAST(_happened AS DATE) AS day,
         CAST(CAST(_happened AS DATE) AS TIMESTAMP) + INTERVAL 15 DAY AS seen_at,
         greatest(_happened, _known) AS known
  FROM loans_facts),
fact AS (
  SELECT _merchant_id AS merchant_id, CAST(t.day AS DATE) AS day,
         greatest(_happened, _known) AS known, uv, ad_spend, CAST(NULL AS DOUBLE) AS amount
  FROM traffic_daily_facts t
  UNION ALL
  SELECT _merchant_id, CAST(paid_at AS DATE), greatest(paid_at, _happened, _known), NULL, NULL,
         amount
  FROM orders_facts WHERE paid_at IS NOT NULL),
around AS (
  SELECT l.loan_id, l.merchant_id, l.seen_at, l.known, f.day > l.day AS is_after, uv,
         CAST(round(ad_spend * 100) AS HUGEINT) AS ads,
         CAST(round(amount * 100) AS HUGEINT) AS sales,
         coalesce(uv NOT BETWEEN 0 AND 1e12, false) AS bad_uv,
         coalesce(ad_spend NOT BETWEEN 0 AND 1e11, false) AS bad_ads,
         coalesce(amount NOT BETWEEN 0 AND 1e11, false) AS bad_sales
  FROM loan l JOIN (
    SELECT * REPLACE (CASE WHEN abs(ad_spend) <= 1e13 THEN ad_spend
                           WHEN ad_spend IS NOT NULL THEN -1 END AS ad_spend,
                      CASE WHEN abs(amount) <= 1e13 THEN amount
                           WHEN amount IS NOT NULL THEN -1 END AS amount)
    FROM fact) f
    ON f.merchant_id = l.merchant_id AND f.known < l.seen_at AND f.day <> l.day
   AND f.day BETWEEN l.day - 28 AND l.day + 14),
total AS (
  SELECT loan_id,
         count(uv) FILTER (WHERE is_after) AS days_after,
         count(uv) FILTER (WHERE NOT is_after) AS days_before,
         count(ads) FILTER (WHERE is_after) AS ad_days_after,
         count(ads) FILTER (WHERE NOT is_after) AS ad_days_before,
         count(sales) FILTER (WHERE NOT is_after) AS orders_before,
         bool_or(bad_uv) AS bad_uv, bool_or(bad_ads) AS bad_ads, bool_or(bad_sales) AS bad_sales,
         avg(uv) FILTER (WHERE is_after) AS uv_after,
         avg(uv) FILTER (WHERE NOT is_after) AS uv_before,
         CAST(sum(ads) FILTER (WHERE is_after) AS DOUBLE)
           / count(ads) FILTER (WHERE is_after) AS ads_after,
         CAST(sum(ads) FILTER (WHERE NOT is_after) AS DOUBLE)
           / count(ads) FILTER (WHERE NOT is_after) AS ads_before,
         coalesce(CAST(sum(sales) FILTER (WHERE is_after) AS DOUBLE), 0) / 14 AS sales_after,
         coalesce(CAST(sum(sales) FILTER (WHERE NOT is_after) AS DOUBLE), 0) / 28 AS sales_before
  FROM around GROUP BY loan_id)
SELECT l.loan_id, l.merchant_id, l.seen_at,
       CASE WHEN bad_uv THEN {_BROKEN} WHEN days_before >= 2 AND days_after >= 1
         THEN ln((uv_after + 1) / (uv_before + 1)) END AS uv_change,
       CASE WHEN bad_ads THEN {_BROKEN} WHEN ad_days_before >= 2 AND ad_days_after >= 1
         THEN ln((ads_after / 100 + 1) / (ads_before / 100 + 1)) END AS ad_change,
       CASE WHEN bad_sales THEN {_BROKEN} WHEN orders_before >= 5
         THEN ln((sales_after / 100 + 1) / (sales_before / 100 + 1)) END AS sales_change,
       greatest(l.known, l.seen_at) AS known_at
FROM loan l LEFT JOIN total USING (loan_id)"""

LOAN_EFFECTS = DerivedTable(
    Table(
        "loan_effects",
        "what changed after a loan",
        (
            Column("loan_id", "id"),
            merchant_column(),
            moment("seen_at"),
            Column("uv_change", "number", unit="log ratio", nullable=True, low=-100, high=100),
            Column("ad_change", "number", unit="log ratio", nullable=True, low=-100, high=100),
            Column("sales_change", "number", unit="log ratio", nullable=True, low=-100, high=100),
        ),
        ("loan_id",),
        "seen_at",
    ),
    {"loans": ()},
    _EFFECTS,
    optional=("traffic_daily", "orders"),
    needs={
        "uv_change": (("traffic_daily", "uv"),),
        "ad_change": (("traffic_daily", "ad_spend"),),
        "sales_change": (("orders", "paid_at"),),
    },
    lasting={
        "loans": ("_happened", 16),
        "traffic_daily": ("CAST(day AS TIMESTAMP)", 44),
        "orders": ("paid_at", 44),
    },
)
"""Logarithms of a day's visitors, advertising and sales in the 14 days after the day of a loan over
those in the 28 before (plus one), seen when these 14 days are over; of what was known by then.
Visitors and advertising are means of the days that are known, two before and one after at least;
sales are of all days, with five orders before at least (assumed)."""

MOVED_AWAY = "coalesce({}, 'other') = 'other'"
"""Money that leaves an account for no purpose of trade, or for none that is told (assumed): neither
a supplier, a wage, a tax nor the repayment of a loan, nor what is paid back to a buyer."""

_SPENDING = f"""
WITH loan AS (
  SELECT loan_id, _merchant_id AS merchant_id, _happened AS taken_at,
         _happened + INTERVAL 1 DAY AS day_after, _happened + INTERVAL 14 DAY AS spent_by,
         greatest(_happened, _known) AS known,
         CAST(round(CASE WHEN principal BETWEEN 0 AND 1e11 THEN principal END * 100) AS BIGINT)
           AS principal
  FROM loans_facts),
spent AS (
  SELECT l.loan_id,
         count(*) FILTER (WHERE b.known < l.day_after) AS seen_soon,
         count(*) AS seen_late,
         bool_or(b.is_bad) FILTER (WHERE b.known < l.day_after) AS is_bad_soon,
         bool_or(b.is_bad) AS is_bad_late,
         coalesce(sum(b.fen) FILTER (WHERE b.known < l.day_after AND b.happened < l.day_after
           AND b.happened >= l.taken_at AND {MOVED_AWAY.format("b.kind")}), 0) AS moved,
         coalesce(sum(b.fen) FILTER (WHERE b.happened >= l.taken_at AND b.kind = 'supplier'), 0)
           AS supplied
  FROM loan l JOIN (
    SELECT _merchant_id AS merchant_id, _happened AS happened, kind,
           greatest(_happened, _known) AS known, amount NOT BETWEEN -1e11 AND 1e11 AS is_bad,
           CAST(round(CASE WHEN amount BETWEEN -1e11 AND 0 THEN -amount ELSE 0 END * 100) AS BIGINT)
             AS fen
    FROM bank_txns_facts) b
    ON b.merchant_id = l.merchant_id AND b.known < l.spent_by AND b.happened < l.spent_by
   AND b.happened >= l.taken_at - INTERVAL 90 DAY
  GROUP BY l.loan_id)
SELECT loan_id, merchant_id, day_after, spent_by,
       CASE WHEN coalesce(is_bad_soon, false) THEN -1.0 WHEN seen_soon > 0 AND principal > 0
         THEN least(moved / principal, 1) END AS transfer_share,
       CASE WHEN coalesce(is_bad_late, false) THEN -1.0 WHEN seen_late > 0 AND principal > 0
         THEN least(supplied / principal, 1) END AS supplier_share,
       greatest(known, day_after) AS known_at
FROM loan LEFT JOIN spent USING (loan_id)"""

LOAN_SPENDING = DerivedTable(
    Table(
        "loan_spending",
        "what left the bank account after a loan",
        (
            Column("loan_id", "id"),
            merchant_column(),
            moment("day_after"),
            later("spent_by"),
            Column("transfer_share", "share", nullable=True, low=0, high=1),
            Column("supplier_share", "share", nullable=True, timed_by="spent_by", low=0, high=1),
        ),
        ("loan_id",),
        "day_after",
    ),
    {"loans": (), "bank_txns": ("kind",)},
    _SPENDING,
    needs={"transfer_share": (), "supplier_share": ()},
    lasting={"loans": ("_happened", 2), "bank_txns": ("_happened", 92)},
)
"""Shares of the principal, at most one: what left within a day for no named purpose, and what went
to suppliers within 14 days. Nothing where no posting of the 90 days before or since is known."""

_GOODS = """
WITH goods AS (
  SELECT declaration_no, _merchant_id AS merchant_id, declared_at, direction,
         substr(hs_code, 1, 4) AS hs4, greatest(_happened, _known) AS known,
         CAST(greatest(_happened, _known) AS DATE) AS day,
         CASE WHEN coalesce(fob_usd, cif_usd) BETWEEN 1e-6 AND 1e12 AND qty BETWEEN 1e-6 AND 1e12
           AND length(hs_code) >= 4
           THEN CAST(round(ln(coalesce(fob_usd, cif_usd) / qty) * 1e6) AS HUGEINT) END AS price
  FROM customs_facts)"""

_DECLARED = "count(*) AS goods, sum(price) AS total, sum(price * price) AS squares"

_YEAR = "ORDER BY day RANGE BETWEEN INTERVAL 365 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING"

_PRICES_SUMS = f"""{_GOODS}
SELECT hs4, direction, day, CAST(goods AS HUGEINT) AS goods, total, squares
FROM (SELECT hs4, direction, day, {_DECLARED} FROM goods WHERE price IS NOT NULL GROUP BY ALL)"""

_PRICES = f"""{_GOODS},
every AS (
  SELECT hs4, direction, day, sum(goods) OVER w AS goods, sum(total) OVER w AS total,
         sum(squares) OVER w AS squares
  FROM customs_prices_sums WINDOW w AS (PARTITION BY hs4, direction {_YEAR})),
own AS (
  SELECT hs4, direction, merchant_id, day, sum(goods) OVER w AS goods, sum(total) OVER w AS total,
         sum(squares) OVER w AS squares
  FROM (SELECT hs4, direction, merchant_id, day, {_DECLARED}
        FROM goods WHERE price IS NOT NULL GROUP BY ALL)
  WINDOW w AS (PARTITION BY hs4, direction, merchant_id {_YEAR})),
beside AS (
  SELECT g.*, coalesce(e.goods, 0) - coalesce(o.goods, 0) AS peers,
         coalesce(e.total, 0) - coalesce(o.total, 0) AS total,
         coalesce(e.squares, 0) - coalesce(o.squares, 0) AS squares
  FROM goods g
  JOIN every e ON e.hs4 = g.hs4 AND e.day = g.day AND e.direction IS NOT DISTINCT FROM g.direction
  JOIN own o ON o.hs4 = g.hs4 AND o.day = g.day AND o.direction IS NOT DISTINCT FROM g.direction
   AND o.merchant_id IS NOT DISTINCT FROM g.merchant_id
  WHERE g.price IS NOT NULL),
spread AS (
  SELECT *, CAST(peers * squares - total * total AS DOUBLE) / (peers * (peers - 1)) AS variance
  FROM beside WHERE peers >= 10)
SELECT declaration_no, merchant_id, declared_at,
       least(abs(CAST(price * peers - total AS DOUBLE) / peers) / sqrt(variance), 100)
         AS price_distance,
       known AS known_at
FROM spread WHERE variance > 0"""

CUSTOMS_PRICES = DerivedTable(
    Table(
        "customs_prices",
        "how far a declared price lies from those of peers",
        (
            Column("declaration_no", "id"),
            merchant_column(),
            moment("declared_at"),
            number("price_distance", "standard deviations", high=100),
        ),
        ("declaration_no",),
        "declared_at",
    ),
    {"customs": ("hs_code", "qty")},
    _PRICES,
    is_of_others=True,
    sums=_PRICES_SUMS,
    summed=("goods", "total", "squares"),
)
"""Distance of the log price a piece from the mean of other merchants' declarations of the same four
figures of the tariff and direction, known in the 365 days before the day on which this one became
known, in their standard deviations; where there are ten at least (assumed)."""

_CNY = """
WITH told AS (
  SELECT DISTINCT since, arg_max(rate, CAST(day AS VARCHAR) || CAST(since AS VARCHAR)) OVER w
         AS rate
  FROM (SELECT greatest(_happened, _known) AS since, day, max(usd_cny) AS rate
        FROM fx_rates_facts WHERE usd_cny BETWEEN 0.01 AND 1000 GROUP BY ALL)
  WINDOW w AS (ORDER BY since)),
earliest AS (SELECT min(since) AS since, arg_min(rate, since) AS rate FROM told),
goods AS (
  SELECT declaration_no, _merchant_id AS merchant_id, declared_at, direction,
         greatest(_happened, _known) AS known, coalesce(fob_usd, cif_usd) AS usd
  FROM customs_facts WHERE coalesce(fob_usd, cif_usd) IS NOT NULL)
SELECT g.declaration_no, g.merchant_id, g.declared_at, g.direction,
       coalesce(g.usd * coalesce(t.rate, e.rate), -1) AS amount,
       greatest(g.known, e.since) AS known_at
FROM goods g ASOF LEFT JOIN told t ON g.declared_at > t.since CROSS JOIN earliest e"""

CUSTOMS_CNY = DerivedTable(
    Table(
        "customs_cny",
        "customs declarations in yuan",
        (
            Column("declaration_no", "id"),
            merchant_column(),
            moment("declared_at"),
            code("direction", "E", "I"),
            yuan("amount"),
        ),
        ("declaration_no",),
        "declared_at",
    ),
    {"customs": (), "fx_rates": ()},
    _CNY,
    is_of_others=True,
)
"""At the rate of the latest day that was known before goods were declared; what was declared before
any rate was known counts from when the first is, at that. Without a single rate, an impossible
value, so that no number comes of it."""
