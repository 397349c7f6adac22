"""What shops sold net of what came back, and the orders that are under way: each read once.

Statements over a table ``question`` (``row, merchant_id, as_of``) and the SQL of facts. Orders are
many, what is claimed of them is little: so orders are added up as they are read, and only what is
under way and buyers set aside are held. What is added is whole fen, so that neither the order nor
the parts of a sum matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alicredit.policy.selftrade import OF_ITSELF, set_aside_sql
from alicredit.records import Records
from alicredit.records.facts import own_fact_sql

PERIODS = 6
"""Of 30 days each, over which monthly sales are counted (DOMAIN 1.4)."""

_FEN = "TRY_CAST(round({amount} * 100) AS BIGINT)"
_PERIOD = """CAST(floor((date_diff('microsecond', {time}, {as_of}) - 1) / 2592000000000.0)
  AS INTEGER)"""

_RETURNED = f"""matched AS MATERIALIZED (
  SELECT r.amount, r._happened, greatest(r._known, o._happened, o._known) AS _known,
         o._merchant_id, o.buyer_id, o.confirmed_at, o._happened AS ordered_at, o._known AS seen_at
  FROM ({{own_refunds}}) r JOIN ({{orders}}) o ON o.order_id = r.order_id
  WHERE r._happened < {{last}} AND o.confirmed_at >= {{since_year}}),
back AS (
  SELECT q.row, o.buyer_id, -{_FEN.format(amount="o.amount")} AS fen,
         CASE WHEN o._happened >= {{as_of}} - INTERVAL 180 DAY
           AND o.confirmed_at >= {{as_of}} - INTERVAL 180 DAY
           THEN {_PERIOD.format(time="o._happened", as_of="{as_of}")} END AS period
  FROM matched o JOIN question q ON q.merchant_id = o._merchant_id
   AND o._happened < {{as_of}} AND o._known < {{as_of}}
   AND o.ordered_at < {{as_of}} AND o.seen_at < {{as_of}} AND o.confirmed_at < {{as_of}}
   AND o.confirmed_at >= {{as_of}} - INTERVAL 12 MONTH
  WHERE NOT coalesce({OF_ITSELF}, false)),
"""
"""Refunds of orders that were sales; a refund is its order's merchant's."""

_BACK = " UNION ALL SELECT row, buyer_id, fen, period FROM back"
_SALES = f"""
WITH {{returned}}sale AS (
  SELECT q.row, o.buyer_id, {_FEN.format(amount="o.amount")} AS fen,
         {_PERIOD.format(time="o.confirmed_at", as_of="{as_of}")} AS period
  FROM question q JOIN ({{orders}}) o ON o._merchant_id = q.merchant_id
   AND o._happened < {{as_of}} AND o._known < {{as_of}} AND o.confirmed_at < {{as_of}}
   AND o.confirmed_at >= {{as_of}} - INTERVAL 12 MONTH AND o.confirmed_at >= {{since_year}}
  WHERE NOT coalesce({OF_ITSELF}, false)),
net AS (
  SELECT o.row, o.fen, o.period FROM (SELECT * FROM sale{{back}}) o
  ANTI JOIN set_aside s ON s.row = o.row AND s.buyer_id = o.buyer_id)
SELECT row, CAST(greatest(sum(fen), 0) AS BIGINT) AS year_fen, list_sort([{{months}}]) AS months
FROM net GROUP BY row
"""
_TAKEN_OFF = f"""
WITH {{returned}}doubtful AS (
  SELECT * FROM ({{orders}}) o
  WHERE o._happened < {{last}} AND o.confirmed_at < {{last}} AND o.confirmed_at >= {{since_year}}
    AND (o.buyer_id = o._merchant_id OR o.buyer_id IN (SELECT buyer_id FROM set_aside))),
taken AS (
  SELECT q.row, -{_FEN.format(amount="o.amount")} AS fen,
         {_PERIOD.format(time="o.confirmed_at", as_of="{as_of}")} AS period
  FROM question q JOIN doubtful o ON o._merchant_id = q.merchant_id
   AND o._happened < {{as_of}} AND o._known < {{as_of}} AND o.confirmed_at < {{as_of}}
   AND o.confirmed_at >= {{as_of}} - INTERVAL 12 MONTH
  LEFT JOIN set_aside s ON s.row = q.row AND s.buyer_id = o.buyer_id
  WHERE s.row IS NOT NULL OR coalesce({OF_ITSELF}, false)),
net AS (SELECT * FROM taken{{back}})
SELECT row, CAST(sum(fen) AS BIGINT) AS off_fen, {{months}} FROM net GROUP BY row
"""
"""Of what was sold in all: what buyers who are set aside bought, and what came back of the rest."""

_OTHERS_BACK = """
  UNION ALL SELECT b.row, b.fen, b.period FROM back b
  ANTI JOIN set_aside s ON s.row = b.row AND s.buyer_id = b.buyer_id"""

_OPEN = f"""
CREATE TEMP TABLE open_order AS
WITH shipped AS (
  SELECT q.row, q.as_of, o.order_id, o.buyer_id, {_FEN.format(amount="o.amount")} AS fen
  FROM question q JOIN ({{orders}}) o ON o._merchant_id = q.merchant_id
   AND o._happened < {{as_of}} AND o._known < {{as_of}}
  WHERE o.shipped_at < {{as_of}} AND (o.confirmed_at IS NULL OR o.confirmed_at >= {{as_of}})
    AND (o.closed_at IS NULL OR o.closed_at >= {{as_of}})
    AND o._happened >= {{as_of}} - INTERVAL 30 DAY AND o._happened >= {{since_month}}
    AND coalesce(o.payment, 'escrow') = 'escrow' AND NOT coalesce(o.is_virtual_goods, false)
    AND NOT coalesce({OF_ITSELF}, false))
SELECT o.row, o.as_of, o.order_id, o.fen FROM shipped o ANTI JOIN set_aside s
  ON s.row = o.row AND s.buyer_id = o.buyer_id
"""
_BASE = """
WITH hurt AS ({hurt}),
pledged AS ({pledged}),
base AS (
  SELECT o.row, sum(o.fen) AS fen FROM open_order o
   ANTI JOIN hurt h ON h.row = o.row AND h.order_id = o.order_id
   ANTI JOIN pledged p ON p.row = o.row AND p.order_id = o.order_id GROUP BY o.row)
SELECT row, CAST(fen AS BIGINT) AS base_fen FROM base
"""
_TURNOVER = f"""
WITH asked_back AS ({{asked_back}}),
paid AS (
  SELECT q.row, sum({_FEN.format(amount="o.amount")}) AS fen
  FROM question q JOIN ({{orders}}) o ON o._merchant_id = q.merchant_id
   AND o._happened < {{as_of}} AND o._known < {{as_of}} AND o.paid_at < {{as_of}}
   AND o.paid_at >= {{as_of}} - INTERVAL 90 DAY AND o.paid_at >= {{since_quarter}} GROUP BY q.row)
SELECT row, CAST(a.fen AS BIGINT) AS refunded_fen, CAST(s.fen AS BIGINT) AS sold_fen
FROM asked_back a FULL JOIN paid s USING (row)
"""
_HURT = """
  SELECT DISTINCT o.row, o.order_id FROM open_order o JOIN ({claims}) r ON r.order_id = o.order_id
   AND r._happened < o.as_of AND r._known < o.as_of
"""
_PLEDGED = """
  SELECT DISTINCT o.row, o.order_id FROM open_order o JOIN (
    SELECT * FROM ({loan_orders}) WHERE order_id IN (SELECT order_id FROM open_order)) p
    ON p.order_id = o.order_id AND p._happened < o.as_of AND p._known < o.as_of
  JOIN balance b ON b.row = o.row AND b.loan_id = p.loan_id
"""
_NO_ORDERS = "SELECT 0 AS row, '' AS order_id WHERE false"
_ASKED_BACK = f"""
  SELECT q.row, sum({_FEN.format(amount="r.amount")}) AS fen
  FROM question q JOIN ({{refunds}}) r ON r._merchant_id = q.merchant_id
   AND r._happened < {{as_of}} AND r._known < {{as_of}}
   AND r._happened >= {{as_of}} - INTERVAL 90 DAY AND r._happened >= {{since_quarter}}
  GROUP BY q.row
"""
_NO_SUMS = "SELECT 0 AS row, 0 AS fen WHERE false"


def hold_orders(facts: Mapping[str, str]) -> Iterator[str]:
    """Write the statements that hold the few orders and buyers that are looked at twice.

    Parameters
    ----------
    facts : mapping of str to str
        The SQL of facts by table, and the moments before which no question reads.

    Yields
    ------
    str
        The next statement.

    Examples
    --------
    >>> facts = {"orders": "SELECT 1", "since_half": "DATE '2013-01-01'"}
    >>> facts |= {"since_month": facts["since_half"], "as_of": "q.as_of"}
    >>> [each.split()[3] for each in hold_orders(facts)]
    ['set_aside', 'open_order']
    """
    yield set_aside_sql(facts)
    yield _OPEN.format(**facts)


def order_queries(
    records: Records, facts: Mapping[str, str], *, has_balance: bool, is_counted: bool = False
) -> tuple[str, str]:
    """Write the queries of what was sold by month and year, and of what is under way.

    Parameters
    ----------
    records : Records
        With orders.
    facts : mapping of str to str
        As for :func:`hold_orders`, whose statements have run.
    has_balance : bool
        Whether a table ``balance`` (``row, loan_id``) says which loans are owed.
    is_counted : bool, default False
        Whether all that was sold is counted already, and but what is taken off is asked.

    Returns
    -------
    tuple of str
        ``row, year_fen, months``, or where the former is counted ``row, off_fen, off_0`` to
        ``off_5``, the last period first; and ``row, base_fen``.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> facts = {"orders": "SELECT 1", "since_year": "DATE '2012-01-01'", "as_of": "q.as_of"}
    >>> sales, base = order_queries(records, facts, has_balance=False)
    >>> "returned" in sales
    False
    """
    has_back = "refunds" in facts
    months = ", ".join(map(_month, range(PERIODS)))
    returned = back = ""
    if has_back:
        own = own_fact_sql(records.columns("refunds"), "refunds")
        returned, back = _RETURNED.format(own_refunds=own, **facts), _BACK
    sales = _SALES.format(returned=returned, back=back, months=months, **facts)
    if is_counted:
        months = ", ".join(map(_taken_off, range(PERIODS)))
        back = _OTHERS_BACK if has_back else ""
        sales = _TAKEN_OFF.format(returned=returned, back=back, months=months, **facts)
    claims = " UNION ALL ".join(
        f"SELECT order_id, _happened, _known FROM ({own_fact_sql(records.columns(name), name)})"
        for name in ("refunds", "disputes")
        if name in facts
    )
    has_pledges = has_balance and "loan_orders" in facts
    base = _BASE.format(
        hurt=_HURT.format(claims=claims) if claims else _NO_ORDERS,
        pledged=_PLEDGED.format(**facts) if has_pledges else _NO_ORDERS,
    )
    return sales, base


def turnover_query(facts: Mapping[str, str]) -> str:
    """Write the query of what was refunded and what was paid in 90 days.

    Parameters
    ----------
    facts : mapping of str to str
        As for :func:`hold_orders`.

    Returns
    -------
    str
        Gives ``row, refunded_fen, sold_fen``.

    Examples
    --------
    >>> facts = {"orders": "SELECT 1", "since_quarter": "DATE '2013-01-01'", "as_of": "q.as_of"}
    >>> "refunded_fen" in turnover_query(facts)
    True
    """
    back = _ASKED_BACK.format(**facts) if "refunds" in facts else _NO_SUMS
    return _TURNOVER.format(asked_back=back, **facts)


def _taken_off(period: int) -> str:
    """Write the sum of what is taken off a period."""
    fen = f"sum(fen) FILTER (WHERE period = {period})"
    return f"CAST(coalesce({fen}, 0) AS BIGINT) AS off_{period}"


def _month(period: int) -> str:
    """Write the sum of a period of 30 days, the last being 0; not below nothing."""
    fen = f"sum(fen) FILTER (WHERE period = {period})"
    return f"CAST(greatest(coalesce({fen}, 0), 0) AS BIGINT)"
