"""Buyers behind whom the shop itself seems to stand: their orders are no sales and no order base.

A buyer is set aside who is the merchant or a related party of it, or who over 180 days confirmed at
least two orders within a day of shipment, and at least a third of all that he confirmed: goods that
travel are confirmed later. The numbers are assumed. Sales that a shop makes to itself just before
applying then earn it nothing (DOMAIN 1.4, 5.7).
"""

from __future__ import annotations

from collections.abc import Mapping

FAST_ORDERS, FAST_HOURS = 2, 24
"""Orders confirmed within so many hours of shipment beyond which it is no chance: assumed."""

_CONFIRMED = """o._happened < {as_of} AND o._known < {as_of} AND o.confirmed_at < {as_of}
 AND o.confirmed_at >= {as_of} - INTERVAL 180 DAY AND o.confirmed_at >= {since_half}"""

_SET_ASIDE = f"""
CREATE TEMP TABLE set_aside AS
WITH fast AS MATERIALIZED (
  SELECT q.row, q.merchant_id, q.as_of, o.buyer_id, count(*) AS orders
  FROM question q JOIN ({{orders}}) o ON o._merchant_id = q.merchant_id AND {_CONFIRMED}
   AND o.confirmed_at >= o.shipped_at AND o.confirmed_at < o.shipped_at + INTERVAL {FAST_HOURS} HOUR
  GROUP BY ALL HAVING count(*) >= {FAST_ORDERS})
SELECT q.row, q.merchant_id, q.as_of, q.buyer_id FROM fast q JOIN ({{orders}}) o
 ON o._merchant_id = q.merchant_id AND o.buyer_id = q.buyer_id AND {_CONFIRMED}
WHERE q.buyer_id <> q.merchant_id
GROUP BY q.row, q.merchant_id, q.as_of, q.buyer_id, q.orders
HAVING q.orders >= count(*) / 3.0
"""
"""Only of buyers with enough fast orders all are counted: pairs of shop and buyer are as many as
orders, and those few."""

_RELATED = """
UNION SELECT q.row, q.merchant_id, q.as_of, l.b FROM question q JOIN (
  SELECT _merchant_id AS a, other_id AS b, _happened, _known FROM ({related_parties})
  UNION ALL
  SELECT other_id, _merchant_id, _happened, _known FROM ({related_parties})) l
 ON l.a = q.merchant_id AND l._happened < {as_of} AND l._known < {as_of} AND l.b <> l.a
"""
OF_ITSELF = "o.buyer_id = q.merchant_id"
"""Condition on a question ``q`` and an order ``o``: of a buyer who is the merchant, whom the list
leaves out, since he would be as many as the questions."""


def set_aside_sql(facts: Mapping[str, str]) -> str:
    """Write the statement that lists the buyers set aside for each question."""
    more = _RELATED.format(**facts) if "related_parties" in facts else ""
    return _SET_ASIDE.format(**facts) + more
