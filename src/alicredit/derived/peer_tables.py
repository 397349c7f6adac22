"""What a merchant's peers do: dated sums over the merchants of a category, and over all."""

from __future__ import annotations

from alicredit.derived.declaration import PEERS, DerivedTable, RowsOf
from alicredit.records import Column, Table
from alicredit.records.declaration import merchant_column, number, yuan

EVERYONE = "*"
"""The group of all merchants, for those whose category is unknown or too small."""

LEAST_PEERS = 30
"""Merchants that a category must have selling, to be a group of its own (assumed)."""

ACTIVE_DAYS = 90
"""Days after a sale for which a merchant counts as selling (assumed)."""

_END = "+ INTERVAL 1 DAY - INTERVAL 1 MICROSECOND"

SPANS = """
told AS (
  SELECT DISTINCT merchant_id, since, nullif(substr(max(word) OVER w, 21), '') AS category
  FROM (SELECT _merchant_id AS merchant_id, greatest(_happened, _known) AS since,
               lpad(CAST(epoch_us(event_time) AS VARCHAR), 20, '0') || coalesce(value, '') AS word
        FROM merchant_history_facts WHERE field = 'category')
  WINDOW w AS (PARTITION BY merchant_id ORDER BY since)),
snapshot AS (
  SELECT m.merchant_id, m.since, m.category
  FROM (SELECT _merchant_id AS merchant_id, min(greatest(_happened, _known)) AS since,
               max(category) AS category FROM merchants_facts GROUP BY ALL) m
  LEFT JOIN (SELECT merchant_id, min(since) AS since FROM told GROUP BY ALL) t USING (merchant_id)
  WHERE t.since IS NULL OR m.since < t.since),
span AS (
  SELECT *, coalesce(lead(since) OVER (PARTITION BY merchant_id ORDER BY since),
                     TIMESTAMP '9999-12-31') AS until
  FROM (FROM told UNION ALL FROM snapshot))"""
"""Which category a merchant was known to have, from when until when: its history's word that was
latest by its own time, and before there is any the category it registered with."""

_IS_GROUP = f"category IS NOT NULL AND category <> '{EVERYONE}'"

_GROUPED = f"""
member AS (
  SELECT f.*, s.category
  FROM fact f LEFT JOIN span s
    ON s.merchant_id = f.merchant_id AND s.since <= f.seen_at AND f.seen_at < s.until),
grouped AS (
  SELECT category AS peers, * EXCLUDE (category) FROM member
  WHERE {_IS_GROUP}
  UNION ALL SELECT '{EVERYONE}', * EXCLUDE (category) FROM member)"""

_SPELL = f"CAST(date_diff('day', DATE '0001-01-01', {{}}) // {ACTIVE_DAYS} AS INTEGER)"
"""The number of the spell in which a day lies."""

_SALES_SUMS = f"""
WITH {SPANS},
every AS MATERIALIZED (
  SELECT CAST(row_number() OVER () AS INTEGER) AS span,
         CAST(dense_rank() OVER (ORDER BY category) AS INTEGER) AS kind, *
  FROM (SELECT merchant_id, since, until, category FROM span
        UNION ALL
        SELECT merchant_id, TIMESTAMP '0001-01-01', min(since), NULL FROM span GROUP BY ALL)),
lone AS MATERIALIZED (
  SELECT merchant_id, CAST(max(since) AS DATE) AS turn,
         arg_min(span, until) AS span_before, arg_min(kind, until) AS kind_before,
         arg_max(span, until) AS span_after, arg_max(kind, until) AS kind_after
  FROM every GROUP BY merchant_id
  HAVING count(*) = 2 AND count(since) = 2 AND max(until) = TIMESTAMP '9999-12-31'
     AND min(since) = TIMESTAMP '0001-01-01'),
sale AS (
  SELECT _merchant_id AS merchant_id, CAST(paid_at AS DATE) AS day,
         greatest(paid_at, _known) AS seen_at, CAST(greatest(paid_at, _known) AS DATE) AS seen_day,
         CAST(round(amount * 100) AS BIGINT) AS fen
  FROM orders_facts WHERE paid_at IS NOT NULL AND amount BETWEEN 0 AND 1e11),
looked_up AS (
  SELECT w.day, w.seen_day, w.fen, w.span, w.kind,
         CASE WHEN w.span IS NULL THEN w.merchant_id END AS merchant_id,
         CASE WHEN w.span IS NULL THEN w.seen_at END AS seen_at
  FROM (SELECT f.*, CASE
          WHEN seen_day < turn AND seen_day > DATE '0001-01-01' THEN span_before
          WHEN seen_day > turn AND seen_day < DATE '9999-12-31' THEN span_after END AS span,
          CASE WHEN seen_day < turn THEN kind_before ELSE kind_after END AS kind
        FROM sale f LEFT JOIN lone l ON l.merchant_id = f.merchant_id) w),
placed AS (
  SELECT coalesce(f.span, s.span) AS span, CASE WHEN f.span IS NULL THEN s.kind ELSE f.kind END
         AS kind, day, seen_day, fen, coalesce(CAST(s.since AS DATE) = seen_day
           OR CAST(s.until AS DATE) = seen_day, false) AS is_edge, f.merchant_id, seen_at
  FROM looked_up f LEFT JOIN every s
    ON s.merchant_id = f.merchant_id AND s.since <= f.seen_at AND f.seen_at < s.until),
part AS MATERIALIZED (
  SELECT span, CAST(NULL AS VARCHAR) AS stray, {_SPELL.format("seen_day")} AS number,
         min(seen_day) AS first, max(seen_day) AS last
  FROM placed WHERE NOT is_edge AND span IS NOT NULL GROUP BY 1, 3
  UNION ALL
  SELECT NULL, merchant_id, {_SPELL.format("seen_day")}, min(seen_day), max(seen_day)
  FROM placed WHERE span IS NULL GROUP BY 2, 3),
edge_part AS MATERIALIZED (
  SELECT merchant_id, day, seen_day AS last, max(seen_at) AS seen_at, sum(fen) AS fen
  FROM placed WHERE is_edge GROUP BY 1, 2, 3),
edge AS (
  SELECT s.span, s.kind, f.day, f.last AS seen_day, CAST(f.fen AS BIGINT) AS fen
  FROM edge_part f LEFT JOIN every s
    ON s.merchant_id = f.merchant_id AND s.since <= f.seen_at AND f.seen_at < s.until),
spell AS (
  SELECT coalesce(e.merchant_id, f.stray) AS merchant_id, e.category, number,
         min(first) AS first, max(last) AS last
  FROM (SELECT span, stray, number, first, last FROM part
        UNION ALL
        SELECT span, NULL, {_SPELL.format("seen_day")}, seen_day, seen_day FROM edge) f
  LEFT JOIN every e USING (span) GROUP BY ALL),
seen AS (
  SELECT peers, first, last, lag(last) OVER w AS before, lead(first) OVER w AS after
  FROM (SELECT category AS peers, * EXCLUDE (category) FROM spell WHERE {_IS_GROUP}
        UNION ALL
        SELECT '{EVERYONE}', merchant_id, number, min(first), max(last) FROM spell
        GROUP BY merchant_id, number)
  WINDOW w AS (PARTITION BY peers, merchant_id ORDER BY number)),
summed AS (
  SELECT category, day, seen_day, sum(fen) AS fen
  FROM (SELECT kind, day, seen_day, sum(fen) AS fen FROM placed WHERE NOT is_edge GROUP BY ALL
        UNION ALL SELECT kind, day, seen_day, fen FROM edge)
  LEFT JOIN (SELECT DISTINCT kind, category FROM every) USING (kind) GROUP BY ALL)
SELECT category AS peers, day, seen_day, fen, CAST(0 AS HUGEINT) AS step
FROM summed WHERE {_IS_GROUP}
UNION ALL
SELECT '{EVERYONE}', day, seen_day, sum(fen), CAST(0 AS HUGEINT) FROM summed GROUP BY day, seen_day
UNION ALL
SELECT peers, day, NULL, CAST(0 AS HUGEINT), CAST(sum(step) AS HUGEINT)
FROM (SELECT peers, first AS day, 1 AS step FROM seen
      WHERE before IS NULL OR date_diff('day', before, first) > {ACTIVE_DAYS}
      UNION ALL
      SELECT peers, last + {ACTIVE_DAYS}, -1 FROM seen
      WHERE after IS NULL OR date_diff('day', last, after) > {ACTIVE_DAYS})
GROUP BY peers, day"""
"""A merchant's sales of a day count for the category that it had at the last of them: looked up
once a row but on days on which it changed. Rows carry numbers of what they belong to, not texts.
Days on which it sold are not sorted: between two of the same spell of 90 days no gap is longer, so
that the first and last of each spell say when it began and ended to be one that sells."""

_SALES = f"""
WITH change AS (
  SELECT peers, day, sum(step) OVER (PARTITION BY peers ORDER BY day) AS merchants
  FROM peer_sales_sums WHERE seen_day IS NULL),
sold AS (
  SELECT peers, day, seen_day, CAST(fen AS BIGINT) AS amount
  FROM peer_sales_sums WHERE seen_day IS NOT NULL)
SELECT s.peers AS merchant_id, s.day, s.seen_day, s.amount,
       CASE WHEN s.day = s.seen_day THEN CAST(c.merchants AS BIGINT) END AS merchants,
       CAST(s.seen_day AS TIMESTAMP) {_END} AS known_at
FROM sold s ASOF LEFT JOIN change c ON c.peers = s.peers AND s.day >= c.day"""

_GROUP_COLUMNS = (
    merchant_column(),
    Column("day", "date"),
    Column("seen_day", "date"),
)

PEER_SALES = DerivedTable(
    Table(
        "peer_sales",
        "what a category's merchants sold together on a day",
        (
            *_GROUP_COLUMNS,
            Column("amount", "fen", unit="fen", low=0),
            Column("merchants", "count", nullable=True, low=0),
        ),
        ("merchant_id", "day", "seen_day"),
        "day",
        "day",
    ),
    {"merchants": (), "orders": ("paid_at",)},
    _SALES,
    optional=("merchant_history",),
    owner=PEERS,
    sums=_SALES_SUMS,
    summed=("fen", "step"),
    lasting={"orders": ("greatest(paid_at, _known)", ACTIVE_DAYS + 1)},
)
"""``merchant_id`` is a category, or ``*`` for all. Of orders known late a row of their own adds to
the day's, from the end of the day on which they became known. ``merchants`` counts those with a
sale of the last 90 days, so that merchants who join or leave do not look like a season."""

_PAID = RowsOf("orders", "paid_at", 1, {"day": "CAST(paid_at AS DATE)"})

_BY_DAY = f"""
SELECT order_id, _merchant_id AS merchant_id, {_PAID.made["day"]} AS day, amount,
       greatest({_PAID.time}, _happened, _known) AS known_at
FROM orders_facts WHERE {_PAID.time} IS NOT NULL"""

SALES_BY_DAY = DerivedTable(
    Table(
        "sales_by_day",
        "paid orders, each at the end of its day",
        (Column("order_id", "id"), merchant_column(), Column("day", "date"), yuan("amount")),
        ("order_id",),
        "day",
        "day",
    ),
    {"orders": ("paid_at",)},
    _BY_DAY,
    is_view=True,
    rows_of=_PAID,
)
"""As ``peer_sales`` sees them: a day under way does not stand against whole days of peers."""

_RATINGS_SUMS = f"""
WITH {SPANS},
fact AS (
  SELECT merchant_id, day, CAST(seen_at AS DATE) AS seen_day, max(seen_at) AS seen_at,
         3 * count(dsr) AS dsr_count, CAST(coalesce(sum(dsr), 0) AS BIGINT) AS dsr_sum,
         count(polarity) AS told, count(*) FILTER (WHERE polarity = 1) AS positive
  FROM (SELECT _merchant_id AS merchant_id, CAST(rated_at AS DATE) AS day,
               greatest(_happened, _known) AS seen_at, polarity,
               CAST(round((dsr_desc + dsr_service + dsr_ship) * 1000000) AS BIGINT) AS dsr
        FROM ratings_facts
        WHERE coalesce(dsr_desc BETWEEN 1 AND 5, true) AND coalesce(dsr_ship BETWEEN 1 AND 5, true)
          AND coalesce(dsr_service BETWEEN 1 AND 5, true) AND polarity BETWEEN -1 AND 1)
  GROUP BY ALL),
{_GROUPED}
SELECT peers, day, seen_day, sum(dsr_sum) AS dsr_sum, sum(dsr_count) AS dsr_count,
       sum(told) AS told, sum(positive) AS positive
FROM grouped GROUP BY peers, day, seen_day"""

_RATINGS = f"""
SELECT peers AS merchant_id, day, seen_day, CAST(dsr_sum AS DOUBLE) / 1000000 AS dsr_sum,
       CAST(dsr_count AS BIGINT) AS dsr_count, CAST(told AS BIGINT) AS ratings,
       CAST(positive AS BIGINT) AS positive, CAST(seen_day AS TIMESTAMP) {_END} AS known_at
FROM peer_ratings_sums"""

_DSR = tuple(("ratings", name) for name in ("dsr_desc", "dsr_service", "dsr_ship"))

PEER_RATINGS = DerivedTable(
    Table(
        "peer_ratings",
        "how buyers rated a category's merchants on a day",
        (
            *_GROUP_COLUMNS,
            number("dsr_sum", "points of 5"),
            Column("dsr_count", "count", low=0),
            Column("ratings", "count", low=0),
            Column("positive", "count", low=0),
        ),
        ("merchant_id", "day", "seen_day"),
        "day",
        "day",
    ),
    {"merchants": (), "orders": (), "ratings": ()},
    _RATINGS,
    optional=("merchant_history",),
    needs={"dsr_sum": _DSR, "dsr_count": _DSR},
    owner=PEERS,
    sums=_RATINGS_SUMS,
    summed=("dsr_sum", "dsr_count", "told", "positive"),
)
"""Sums over a category, or over all, from which the mean rating of peers follows; ``dsr_count``
counts three for each rating that has all three detailed ones, as ``dsr_sum`` adds three."""

_POWER_SUMS = f"""
WITH {SPANS},
fact AS (
  SELECT _merchant_id AS merchant_id, CAST(date_trunc('month', period) AS DATE) AS month,
         CAST(greatest(_happened, _known) AS DATE) AS seen_day,
         greatest(_happened, _known) AS seen_at, CAST(round(billed * 100) AS BIGINT) AS fen
  FROM utilities_facts WHERE kind = 'power' AND billed BETWEEN 0 AND 1e11),
{_GROUPED}
SELECT peers, month, seen_day, sum(fen) AS fen, CAST(count(*) AS HUGEINT) AS bills
FROM grouped GROUP BY peers, month, seen_day"""

_POWER = f"""
SELECT peers AS merchant_id, month, seen_day, CAST(fen AS BIGINT) AS billed,
       CAST(bills AS BIGINT) AS bills, CAST(seen_day AS TIMESTAMP) {_END} AS known_at
FROM peer_power_sums"""

PEER_POWER = DerivedTable(
    Table(
        "peer_power",
        "power billed to a category's merchants for a month",
        (
            merchant_column(),
            Column("month", "date"),
            Column("seen_day", "date"),
            Column("billed", "fen", unit="fen", low=0),
            Column("bills", "count", low=0),
        ),
        ("merchant_id", "month", "seen_day"),
        "month",
        "month",
    ),
    {"merchants": (), "utilities": ()},
    _POWER,
    optional=("merchant_history",),
    owner=PEERS,
    sums=_POWER_SUMS,
    summed=("fen", "bills"),
)
"""Sums over a category, or over all, from which a peer's bill of a month follows."""
