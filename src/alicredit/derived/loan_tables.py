"""What a merchant's loans came to: each due with its payment, and what the money was used for."""

from __future__ import annotations

from alicredit.derived.declaration import DerivedTable
from alicredit.ledger.postings import OWED_FEN, PAID_SUMS, PRINCIPAL_FEN
from alicredit.records import Column, Table
from alicredit.records.declaration import later, merchant_column, moment

_FEW = "NOT BETWEEN 0 AND 1e13"
_MONEY = "NOT BETWEEN 0 AND 1e11"

_DUES = f"""
WITH loan AS (
  SELECT l.loan_id, l._merchant_id AS merchant_id, l._happened AS taken_at, l.due_at,
         greatest(l._happened, l._known) AS known,
         {PRINCIPAL_FEN.format(cast="TRY_CAST")} AS principal_fen,
         {OWED_FEN.format(cast="TRY_CAST")} AS owed_fen,
         coalesce(l.principal {_MONEY}, true) AS is_bad
  FROM loans_facts l),
rest AS (
  SELECT loan_id, principal_fen,
         CAST(least(10000, floor(principal_fen * 0.1)) AS BIGINT) AS material
  FROM loan),
listed AS (
  SELECT d.loan_id, d.due_at, greatest(d._happened, d._known) AS known,
         d.principal + d.interest + coalesce(d.fee, 0) AS fen, d.principal AS principal,
         d.principal {_FEW} OR d.interest {_FEW} OR coalesce(d.fee, 0) {_FEW} AS is_bad
  FROM instalments_facts d),
whole AS (
  SELECT l.loan_id, l.due_at, l.known, coalesce(l.owed_fen, l.principal_fen) AS fen,
         l.principal_fen AS principal, l.is_bad, r.replaced_at
  FROM loan l
  LEFT JOIN (SELECT loan_id, min(known) AS replaced_at FROM listed GROUP BY ALL) r USING (loan_id)
  WHERE r.replaced_at IS NULL OR r.replaced_at > l.known),
due AS MATERIALIZED (
  SELECT row_number() OVER () AS id, *,
         CAST(due_at AS DATE) AS day
  FROM (SELECT loan_id, due_at, known, fen, principal, is_bad,
               CAST(NULL AS TIMESTAMP) AS replaced_at, false AS is_whole FROM listed
        UNION ALL
        SELECT loan_id, due_at, known, fen, principal, is_bad, replaced_at, true FROM whole)),
paid AS (
  SELECT p.loan_id, p._happened AS stamp, greatest(p._happened, p._known) AS known,
         {PAID_SUMS.format(cast="TRY_CAST")},
         bool_or(coalesce(p.amount {_MONEY}, true) OR coalesce(p.principal, 0) {_MONEY}
                 OR coalesce(p.interest, 0) {_MONEY} OR coalesce(p.penalty, 0) {_MONEY}) AS is_bad
  FROM repayments_facts p JOIN loans_facts l ON l.loan_id = p.loan_id GROUP BY ALL),
schedule AS (SELECT DISTINCT loan_id, is_whole, known AS since FROM due),
need AS (
  SELECT d.id, s.loan_id, s.is_whole, s.since,
         sum(d.fen) OVER (PARTITION BY s.loan_id, s.is_whole, s.since ORDER BY d.day) AS fen
  FROM schedule s JOIN due d
    ON d.loan_id = s.loan_id AND d.is_whole = s.is_whole AND d.known <= s.since),
step AS (
  SELECT loan_id, is_whole, stamp, max(since) OVER w AS since, sum(fen) OVER w AS fen,
         sum(principal_fen) OVER w AS principal_fen
  FROM (SELECT loan_id, is_whole, stamp, max(since) AS since, sum(fen) AS fen,
               sum(principal_fen) AS principal_fen
        FROM (SELECT loan_id, is_whole, since AS stamp, since, 0 AS fen, 0 AS principal_fen
              FROM schedule
              UNION ALL
              SELECT p.loan_id, s.is_whole, p.known, NULL, p.fen - p.penalty_fen, p.principal_fen
              FROM paid p JOIN (SELECT DISTINCT loan_id, is_whole FROM schedule) s USING (loan_id))
        GROUP BY ALL)
  WINDOW w AS (PARTITION BY loan_id, is_whole ORDER BY stamp)),
met AS (
  SELECT n.id, r.principal_fen, r.material, min(s.stamp) AS seen_at,
         arg_min(n.fen, s.stamp) AS fen
  FROM need n
  JOIN step s ON s.loan_id = n.loan_id AND s.is_whole = n.is_whole AND s.since = n.since
  JOIN rest r ON r.loan_id = n.loan_id
  WHERE n.fen <= r.material OR s.fen >= n.fen - r.material OR s.principal_fen >= r.principal_fen
  GROUP BY n.id, r.principal_fen, r.material),
reached AS (
  SELECT id, min(stamp) AS settled_at
  FROM (SELECT m.id, m.fen AS need, m.material, m.principal_fen AS principal, p.stamp,
               sum(p.fen - p.penalty_fen) OVER w AS fen, sum(p.principal_fen) OVER w AS back
        FROM met m JOIN due d USING (id)
        JOIN paid p ON p.loan_id = d.loan_id AND p.known <= m.seen_at
        WINDOW w AS (PARTITION BY m.id ORDER BY p.stamp))
  WHERE need > material AND (fen >= need - material OR back >= principal) GROUP BY id),
bad AS (
  SELECT loan_id, min(known) AS seen_at
  FROM (SELECT loan_id, known FROM paid WHERE is_bad
        UNION ALL SELECT loan_id, known FROM due WHERE is_bad
        UNION ALL SELECT loan_id, known FROM loan WHERE is_bad) GROUP BY loan_id),
told AS (
  SELECT d.*, l.merchant_id, l.taken_at,
         coalesce(b.seen_at <= coalesce(m.seen_at, b.seen_at), false) AS is_broken,
         greatest(b.seen_at, d.known) AS broken_at, m.seen_at,
         coalesce(r.settled_at, least(d.known, d.due_at)) AS settled_at
  FROM due d JOIN loan l USING (loan_id) LEFT JOIN met m USING (id) LEFT JOIN reached r USING (id)
  LEFT JOIN bad b USING (loan_id))
SELECT loan_id, merchant_id, taken_at, due_at, CAST(day AS TIMESTAMP) AS due_day,
       CAST(day AS TIMESTAMP) + INTERVAL 1 DAY AS late_from,
       fen AS amount, principal, replaced_at,
       CASE WHEN is_broken THEN broken_at ELSE seen_at END AS settled_seen_at,
       CASE WHEN is_broken THEN broken_at
         WHEN seen_at IS NOT NULL THEN settled_at END AS settled_at,
       CASE WHEN is_broken THEN -1.0 WHEN seen_at IS NOT NULL
         THEN CAST(greatest(date_diff('day', day, CAST(settled_at AS DATE)), 0) AS DOUBLE)
       END AS days_late,
       known AS known_at
FROM told"""

_OWED, _LENT = (each.format(cast="TRY_CAST") for each in (OWED_FEN, PRINCIPAL_FEN))

_ODD = f"""
SELECT hash(l.loan_id) AS hashed FROM loans_facts l
WHERE coalesce(l.principal {_MONEY} OR l._happened IS NULL OR l.due_at IS NULL
  OR coalesce({_OWED}, 0) NOT BETWEEN -1e15 AND 1e15, true)
UNION ALL
SELECT hash(d.loan_id) FROM instalments_own d
WHERE coalesce(d.principal {_FEW} OR d.interest {_FEW} OR coalesce(d.fee, 0) {_FEW}
  OR d.due_at IS NULL, true)
UNION ALL
SELECT hash(p.loan_id) FROM repayments_own p
WHERE coalesce(p.amount {_MONEY} OR p.principal {_MONEY} OR coalesce(p.interest, 0) {_MONEY}
  OR coalesce(p.penalty, 0) {_MONEY} OR p._happened IS NULL, true)
UNION ALL
SELECT hash(d.loan_id) FROM instalments_own d JOIN loans_facts l ON l.loan_id = d.loan_id
WHERE d._known > greatest(l._happened, l._known)"""
"""Loans with values that lack or are impossible, or a due that became known after the loan did."""

_PLAIN = f"""
WITH one AS (
  SELECT l.loan_id, l._merchant_id AS merchant_id, l._happened AS taken_at,
         greatest(l._happened, l._known) AS known, {_LENT} AS lent,
         CASE WHEN d.loan_id IS NULL THEN l.due_at ELSE d.due_at END AS due_at,
         CASE WHEN d.loan_id IS NULL THEN {_LENT} ELSE d.principal END AS principal,
         CASE WHEN d.loan_id IS NULL THEN coalesce({_OWED}, {_LENT})
           ELSE d.principal + d.interest + coalesce(d.fee, 0) END AS fen,
         p._happened AS stamp, CASE WHEN p.loan_id IS NOT NULL
           THEN greatest(p._happened, p._known, l._happened, l._known) END AS paid_known,
         CAST(round(p.amount * 100) AS BIGINT)
           - CAST(round(coalesce(p.penalty, 0) * 100) AS BIGINT) AS paid,
         CAST(round(p.principal * 100) AS BIGINT) AS back
  FROM loans_facts l LEFT JOIN instalments_own d ON d.loan_id = l.loan_id
  LEFT JOIN repayments_own p ON p.loan_id = l.loan_id WHERE l.loan_id IS NOT NULL),
held AS (
  SELECT *, CAST(due_at AS DATE) AS day,
         fen - CAST(least(10000, floor(lent * 0.1)) AS BIGINT) AS need FROM one),
told AS (
  SELECT *, need > 0 AND (paid >= need OR back >= lent) AS is_reached,
         CASE WHEN paid_known IS DISTINCT FROM known AND (need <= 0 OR lent <= 0) THEN known
           WHEN need <= 0 OR paid >= need OR back >= lent THEN paid_known END AS seen_at
  FROM held),
settled AS (
  SELECT *, CASE WHEN seen_at IS NOT NULL THEN CASE WHEN is_reached AND paid_known <= seen_at
    THEN stamp ELSE least(known, due_at) END END AS settled_at FROM told)
SELECT loan_id, merchant_id, taken_at, due_at, CAST(day AS TIMESTAMP) AS due_day,
       CAST(day AS TIMESTAMP) + INTERVAL 1 DAY AS late_from, fen AS amount, principal,
       CAST(NULL AS TIMESTAMP) AS replaced_at, seen_at AS settled_seen_at, settled_at,
       CASE WHEN seen_at IS NOT NULL
         THEN CAST(greatest(date_diff('day', day, CAST(settled_at AS DATE)), 0) AS DOUBLE)
       END AS days_late,
       known AS known_at
FROM settled"""
"""The same of loans with one due at most, known with the loan, and one payment at most: what ran up
over several is one number, and seen either with the loan or with the payment."""

LOAN_DUES = DerivedTable(
    Table(
        "loan_dues",
        "what fell due on a loan, and when it was paid",
        (
            Column("loan_id", "id"),
            merchant_column(),
            moment("taken_at"),
            moment("due_at"),
            moment("due_day"),
            moment("late_from"),
            Column("amount", "fen", unit="fen", low=0, high=1e13),
            Column("principal", "fen", unit="fen", low=0, high=1e13),
            later("replaced_at"),
            later("settled_seen_at"),
            Column("settled_at", "time", nullable=True, timed_by="settled_seen_at"),
            Column(
                "days_late",
                "number",
                unit="days",
                nullable=True,
                timed_by="settled_seen_at",
                low=0,
                high=100_000,
            ),
        ),
        ("loan_id", "due_at"),
        "taken_at",
    ),
    {"loans": (), "repayments": ()},
    _DUES,
    optional=("instalments",),
    needs={"amount": (), "principal": (), "days_late": ()},
    apart="loan_id",
    plain=_PLAIN,
    odd=_ODD,
    once=("loans", "instalments", "repayments"),
)
"""A due is settled when what is known to be paid, penalties apart, reaches all that fell due by its
day, but for an immaterial rest, or when the principal is repaid. ``settled_seen_at`` is the moment
at which that was known first, ``settled_at`` the payment that reached it, by what was known then;
neither is revised later. ``days_late`` counts whole days after the due day; it is negative, which
no feature takes for a number, from when an impossible amount of the loan is known. Where a loan has
no instalment known, it owes all at its end: a due with ``replaced_at`` once one becomes known."""
