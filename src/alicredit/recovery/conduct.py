"""What a debtor's conduct says: unable or unwilling to pay, from stated evidence and no other.

Read are the ledger, orders, bank postings, contacts, violations and what was found about an
account. Restricted attributes of persons (marriage, answers to tests) and related parties are never
read here, whatever may be in the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alicredit.checks import given_or, refuse, require_between, require_whole
from alicredit.cohort import as_moment
from alicredit.policy import Policy
from alicredit.records import Records, require_records
from alicredit.recovery.claims import take_claims
from alicredit.recovery.steps import contacts_before, paid_before, read_known
from alicredit.vocabulary import OUTCOMES, REASONS

UNWILLING = ("WIL_FAKE_TRADE", "WIL_TRANSFER_OUT", "WIL_SALES_GO_ON", "WIL_PROMISE_BROKEN",
             "WIL_UNREACHABLE")  # fmt: skip
UNABLE = ("WIL_SALES_FELL", "WIL_PART_PAID", "WIL_ANSWERS")
MALICIOUS = ("WIL_FAKE_TRADE", "WIL_TRANSFER_OUT")
"""Evidence that alone makes a debtor malicious (DOMAIN 3.3)."""

_ANSWERED = ("answered", "promised", "refused")
_EVIDENCE = ["merchant_id", "code", "speaks_for", "value", "threshold", "text", "text_zh"]


@dataclass(frozen=True, slots=True)
class ConductRules:
    """From where on a piece of conduct is evidence; all but the first two are assumed.

    Parameters
    ----------
    transfer_out_share : float, default 0.8
        Share of a loan moved out within a day of its disbursement (DOMAIN 3.3); a transfer is of
        all the merchant's loans lent in the 24 hours before it, by their principal, and one of no
        stated kind is none.
    sales_fell_share : float, default 0.5
        Sales of 30 days below this share of what they were before the arrears have fallen (DOMAIN
        3.3).
    sales_go_on_share : float, default 0.8
        At or above this share they go on; together with sales of at least ``sales_over_due`` times
        what is due.
    sales_over_due : float, default 2.0
        See ``sales_go_on_share``.
    promises_broken : int, default 2
        So many promises without the money.
    unanswered : int, default 3
        So many contacts in 30 days, and none answered.
    signs : int, default 2
        So many kinds of evidence of unwillingness, more than of inability, make a debtor unwilling.

    Examples
    --------
    >>> ConductRules().promises_broken
    2
    >>> ConductRules(transfer_out_share=80)
    Traceback (most recent call last):
    alicredit.errors.InputError: transfer_out_share must be a number from 0 to 1; found 80.
    """

    transfer_out_share: float = 0.8
    sales_fell_share: float = 0.5
    sales_go_on_share: float = 0.8
    sales_over_due: float = 2.0
    promises_broken: int = 2
    unanswered: int = 3
    signs: int = 2

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_between("transfer_out_share", self.transfer_out_share, 0, 1)
        require_between("sales_fell_share", self.sales_fell_share, 0, 1)
        require_between("sales_go_on_share", self.sales_go_on_share, self.sales_fell_share, 10)
        require_between("sales_over_due", self.sales_over_due, 0, 1000)
        for name in ("promises_broken", "unanswered", "signs"):
            require_whole(name, getattr(self, name), 1)


@dataclass(frozen=True, eq=False)
class Willingness:
    """Whether debtors are unable or unwilling to pay, and on what evidence.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        One row a debtor, by ``merchant_id``: ``verdict`` (a word of ``VERDICTS``), ``is_malicious``
        (fake trade, or the loan moved out at once, or unwilling), ``is_reachable`` (False where
        contacts were tried and none was answered), ``sales_30d`` and ``sales_before`` (net settled
        sales of 30 days in yuan, now and as they were before the arrears; NaN without orders).
    evidence : pandas.DataFrame
        One row a piece: ``merchant_id, code, speaks_for`` (``unwilling`` or ``unable``), ``value,
        threshold, text, text_zh``.
    """

    verdicts: pd.DataFrame
    evidence: pd.DataFrame


_TRANSFERS = """
WITH lent AS (
  SELECT l.loan_id, l._merchant_id AS merchant_id, l._happened AS lent_at
  FROM ({loans}) l JOIN debtor d ON d.merchant_id = l._merchant_id AND d.loan_id = l.loan_id),
beside AS (
  SELECT _merchant_id AS merchant_id, _happened AS lent_at,
         CAST(round(principal * 100) AS BIGINT) AS fen
  FROM ({loans}) WHERE _happened < $1 AND _known < $1),
moved AS (
  SELECT _merchant_id AS merchant_id, _happened AS at,
         sum(TRY_CAST(round(-amount * 100) AS BIGINT)) AS fen
  FROM ({bank_txns}) WHERE _happened < $1 AND _known < $1 AND amount < 0 AND kind = 'other'
   AND _merchant_id IN (SELECT merchant_id FROM debtor) GROUP BY ALL),
shared AS (
  SELECT m.merchant_id, m.at, any_value(m.fen) AS fen, sum(b.fen) AS lent_fen
  FROM moved m JOIN beside b ON b.merchant_id = m.merchant_id
   AND m.at >= b.lent_at AND m.at < b.lent_at + INTERVAL 1 DAY GROUP BY ALL),
part AS (
  SELECT l.merchant_id, l.loan_id, s.lent_fen, sum(s.fen) AS fen
  FROM lent l JOIN shared s ON s.merchant_id = l.merchant_id
   AND s.at >= l.lent_at AND s.at < l.lent_at + INTERVAL 1 DAY GROUP BY ALL),
whole AS (
  SELECT merchant_id, loan_id, round(sum(fen / lent_fen), 9) AS value FROM part GROUP BY ALL)
SELECT merchant_id, max(value) AS value FROM whole GROUP BY ALL
"""
"""A posting whose purpose is not told may alarm (``derived.MOVED_AWAY``), but is no evidence."""
_SALES = """
WITH sale AS (
  SELECT o._merchant_id AS merchant_id, o.order_id, o.confirmed_at AS sold,
         TRY_CAST(round(o.amount * 100) AS BIGINT) AS fen
  FROM ({orders}) o WHERE o._happened < $1 AND o._known < $1 AND o.confirmed_at < $1
   AND o._merchant_id IN (SELECT merchant_id FROM debtor)),
net AS (SELECT merchant_id, sold, fen FROM sale {back}),
since AS (SELECT merchant_id, min(due_day) AS due FROM debtor GROUP BY ALL)
SELECT s.merchant_id,
       coalesce(sum(n.fen) FILTER (WHERE n.sold >= $1 - INTERVAL 30 DAY), 0) / 100.0 AS sales_30d,
       coalesce(sum(n.fen) FILTER (WHERE n.sold < s.due AND n.sold >= s.due - INTERVAL 90 DAY), 0)
         / 300.0 AS sales_before
FROM since s LEFT JOIN net n USING (merchant_id) GROUP BY ALL
"""
_BACK = """UNION ALL SELECT s.merchant_id, r._happened AS sold,
  -TRY_CAST(round(r.amount * 100) AS BIGINT) AS fen
  FROM sale s JOIN ({refunds}) r ON r.order_id = s.order_id
   AND r._happened < $1 AND r._known < $1"""
_FAKE = """
SELECT _merchant_id AS merchant_id, count(*) AS value FROM ({violations})
WHERE kind = 'fake_trade' AND _happened < $1 AND _known < $1
  AND _happened >= $1 - INTERVAL 365 DAY GROUP BY ALL
"""
_FRAUD = """
SELECT _merchant_id AS merchant_id, count(*) AS value FROM ({account_events})
WHERE kind = 'fraud_found' AND _happened < $1 AND _known < $1 GROUP BY ALL
"""


def assess_willingness(
    records: Records,
    *,
    as_of: object,
    merchants: Sequence[str] | None = None,
    rules: ConductRules | None = None,
    policy: str | Policy = "ali-2013",
) -> Willingness:
    """Say of each debtor in arrears whether it is unable or unwilling to pay, and why.

    Evidence of unwillingness: fake trade or fraud found; the loan moved out within a day; sales go
    on for 30 days of arrears while nothing is paid; promises broken; contacts unanswered. Evidence
    of inability: sales fell; a part was paid while overdue; contacts are answered. Unwilling: at
    least ``signs`` kinds of the first, and more than of the second; unable: sales fell, and nothing
    of the first; otherwise unclear. A table that is absent gives no evidence either way.

    Parameters
    ----------
    records : Records
        With ``loans``; of the others, those that are there.
    as_of : str, date or timestamp
        Only what happened and was known before is read.
    merchants : sequence of str or None, default None
        Which debtors; None: all that are materially overdue.
    rules : ConductRules or None, default None
        None stands for ``ConductRules()``.
    policy : str or Policy, default "ali-2013"
        Whose products say what lateness is charged.

    Returns
    -------
    Willingness
        Verdicts and the evidence of each.

    Raises
    ------
    InputError
        If a merchant is not overdue, or ``as_of`` is no moment.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> calls = pd.DataFrame({"loan_id": "l", "action": "phone", "outcome": "no_answer",
    ...                       "at": pd.to_datetime(["2013-01-07", "2013-01-08", "2013-01-09"])})
    >>> records = read_records({"merchants": merchants, "loans": loans, "collections": calls})
    >>> made = assess_willingness(records, as_of="2013-01-20")
    >>> made.verdicts["verdict"].tolist(), made.evidence["code"].tolist()
    (['unclear'], ['WIL_UNREACHABLE'])
    >>> assess_willingness(records, as_of="2013-01-20", merchants=["n"])
    Traceback (most recent call last):
    alicredit.errors.InputError: merchants must be overdue at as_of; found 'n'.
    """
    moment, chosen = as_moment("as_of", as_of), given_or("rules", rules, ConductRules)
    claims = take_claims(require_records(records), moment, policy).overdue
    if merchants is not None:
        if isinstance(merchants, str):
            refuse("merchants", "must be several ids", repr(merchants), "put it into a list")
        asked = pd.Index([str(one) for one in merchants], dtype=object)
        others = asked[~asked.isin(claims["merchant_id"])]
        if len(others):
            refuse("merchants", "must be overdue at as_of", repr(others[0]))
        claims = claims[claims["merchant_id"].isin(asked)]
    return judge(records, moment, claims, chosen)


def judge(
    records: Records, moment: pd.Timestamp, claims: pd.DataFrame, chosen: ConductRules
) -> Willingness:
    """Judge the debtors of overdue claims, which are those of the moment.

    Examples
    --------
    >>> from alicredit.simulate import simulate_platform
    >>> records, _ = simulate_platform(50, seed=1, months=36, orders_per_month=1)
    >>> moment = records.span[1].normalize()
    >>> overdue = take_claims(records, moment, "ali-2013").overdue
    >>> judged = judge(records, moment, overdue, ConductRules()).verdicts
    >>> len(judged) and set(judged["merchant_id"]) == set(overdue["merchant_id"])
    True
    """
    since = moment.normalize() - pd.to_timedelta(claims["days_past_due"], unit="D")
    claims = claims.assign(due_day=since.astype("datetime64[us]"))
    debtors = pd.DataFrame({"claim_fen": claims["due_fen"] + claims["penalty_fen"],
                            "merchant_id": claims["merchant_id"],
                            "days": claims["days_past_due"]})  # fmt: skip
    debtors = debtors.groupby("merchant_id").agg(claim_fen=("claim_fen", "sum"),
                                                 days=("days", "max"))  # fmt: skip
    sales = _sales(records, moment, claims).reindex(debtors.index)
    facts = debtors.join(sales).join(_tallies(records, moment, claims))
    found = _evidence(facts, chosen)
    return Willingness(_verdicts(facts, found, chosen), found)


def _by_merchant(frame: pd.DataFrame) -> pd.Series:
    """Take a query's value by merchant."""
    return pd.Series(frame["value"].to_numpy(float), index=frame["merchant_id"].astype(object))


def _found(records: Records, sql: str, moment: pd.Timestamp, table: str) -> pd.DataFrame:
    """Count by merchant what a table says against it."""
    return read_known(records, sql, moment, (table,), empty=("merchant_id", "value"))


def _sales(records: Records, moment: pd.Timestamp, claims: pd.DataFrame) -> pd.DataFrame:
    """Give net settled sales of 30 days, now and before the arrears."""
    columns = ["sales_30d", "sales_before"]
    if "orders" not in records:
        return pd.DataFrame(columns=columns, dtype=float)
    facts = {"refunds": records.fact_sql("refunds")} if "refunds" in records else {}
    back = _BACK.format(**facts) if facts else ""
    asked = claims[["merchant_id", "loan_id", "due_day"]]
    sql = _SALES.format(orders=records.fact_sql("orders"), back=back)
    made = read_known(records, sql, moment, ("orders", "refunds"), debtors=asked).set_index(
        "merchant_id"
    )[columns]
    return made.astype(float).clip(lower=0).round(2)


def _tallies(records: Records, moment: pd.Timestamp, claims: pd.DataFrame) -> pd.DataFrame:
    """Count by merchant what was found, moved out, promised, tried and paid."""
    has_bank = "bank_txns" in records
    asked = claims[["merchant_id", "loan_id", "due_day"]]
    moved = None
    if has_bank:
        moved = read_known(records, _TRANSFERS, moment, ("bank_txns", "loans"), debtors=asked)
    steps = contacts_before(records, moment)
    steps = steps[steps["loan_id"].isin(claims["loan_id"])]
    recent = steps[steps["at"] >= moment - pd.Timedelta(days=30)]
    recent = recent[recent["outcome"].isin(list(OUTCOMES))]
    paid = paid_before(records, moment).merge(asked, on="loan_id")
    paid = paid[pd.to_datetime(paid["at"]) >= paid["due_day"] + pd.Timedelta(days=1)]
    tallies = {
        "fake": _by_merchant(_found(records, _FAKE, moment, "violations")).add(
            _by_merchant(_found(records, _FRAUD, moment, "account_events")), fill_value=0),
        "moved_out": pd.Series(dtype=float) if moved is None else _by_merchant(moved),
        "broken": steps[steps["is_broken"]].groupby("merchant_id").size(),
        "tried": recent.groupby("merchant_id").size(),
        "answered": recent[recent["outcome"].isin(_ANSWERED)].groupby("merchant_id").size(),
        "part_fen": paid.groupby("merchant_id")["fen"].sum(),
    }  # fmt: skip
    names = pd.Index(sorted(claims["merchant_id"].unique()), name="merchant_id")
    return pd.DataFrame({name: each.reindex(names).astype(float).fillna(0)
                         for name, each in tallies.items()}, index=names)  # fmt: skip


def _evidence(facts: pd.DataFrame, rules: ConductRules) -> pd.DataFrame:
    """List each piece of evidence with its value and threshold."""
    before = facts["sales_before"].where(facts["sales_before"] > 0)
    ratio = facts["sales_30d"] / before
    over_due = facts["sales_30d"] * 100 >= rules.sales_over_due * facts["claim_fen"]
    goes_on = (ratio >= rules.sales_go_on_share) & over_due & (facts["days"] >= 30)
    tested = {
        "WIL_FAKE_TRADE": (facts["fake"] > 0, facts["fake"], 1),
        "WIL_TRANSFER_OUT": (facts["moved_out"] > rules.transfer_out_share, facts["moved_out"],
                             rules.transfer_out_share),
        "WIL_SALES_GO_ON": (goes_on & facts["part_fen"].eq(0), ratio, rules.sales_go_on_share),
        "WIL_PROMISE_BROKEN": (facts["broken"] >= rules.promises_broken, facts["broken"],
                               rules.promises_broken),
        "WIL_UNREACHABLE": ((facts["tried"] >= rules.unanswered) & facts["answered"].eq(0),
                            facts["tried"], rules.unanswered),
        "WIL_SALES_FELL": (ratio < rules.sales_fell_share, ratio, rules.sales_fell_share),
        "WIL_PART_PAID": (facts["part_fen"] > 0, facts["part_fen"] / 100, 0.01),
        "WIL_ANSWERS": (facts["answered"] > 0, facts["answered"], 1),
    }  # fmt: skip
    parts = [
        pd.DataFrame({"merchant_id": facts.index[is_so.to_numpy()], "code": code,
                      "speaks_for": "unwilling" if code in UNWILLING else "unable",
                      "value": value[is_so].to_numpy(float), "threshold": float(threshold),
                      "text": REASONS[code].text, "text_zh": REASONS[code].text_zh})
        for code, (is_so, value, threshold) in tested.items()
    ]  # fmt: skip
    found = pd.concat(parts, ignore_index=True)[_EVIDENCE]
    order = {code: place for place, code in enumerate((*UNWILLING, *UNABLE))}
    found["place"] = found["code"].map(order)
    return found.sort_values(["merchant_id", "place"], ignore_index=True).drop(columns="place")


def _verdicts(facts: pd.DataFrame, found: pd.DataFrame, rules: ConductRules) -> pd.DataFrame:
    """Weigh the evidence."""
    is_unwilling = found["speaks_for"].eq("unwilling")
    against = found[is_unwilling].groupby("merchant_id").size().reindex(facts.index, fill_value=0)
    pleading = found[~is_unwilling].groupby("merchant_id").size()
    pleading = pleading.reindex(facts.index, fill_value=0)

    def has(*codes: str) -> pd.Series:
        who = found.loc[found["code"].isin(codes), "merchant_id"]
        return pd.Series(facts.index.isin(who), index=facts.index)

    unwilling = (against >= rules.signs) & (against > pleading)
    verdict = np.select([unwilling, has("WIL_SALES_FELL") & (against == 0)],
                        ["unwilling", "unable"], "unclear")  # fmt: skip
    return pd.DataFrame(
        {
            "merchant_id": facts.index.to_numpy(object),
            "verdict": verdict.astype(object),
            "is_malicious": (unwilling | has(*MALICIOUS)).to_numpy(),
            "is_reachable": (~has("WIL_UNREACHABLE")).to_numpy(),
            "sales_30d": facts["sales_30d"].to_numpy(float),
            "sales_before": facts["sales_before"].to_numpy(float),
        }
    )
