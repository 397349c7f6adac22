"""Who enters the blacklist and who leaves it, as dated facts that eligibility reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alicredit.checks import given_or, require_columns, require_kind, require_whole
from alicredit.cohort import as_moment
from alicredit.ledger import Postings, find_unknown, read_postings, replay
from alicredit.loans.book import add_months
from alicredit.losses.workouts import first_defaults
from alicredit.records import Records, require_records
from alicredit.recovery.conduct import Willingness
from alicredit.recovery.steps import listed_before
from alicredit.vocabulary import REASONS

SOURCE = "recovery"
_COLUMNS = ["change", "merchant_id", "from", "to", "reason", "source", "code", "text", "text_zh"]


@dataclass(frozen=True, slots=True)
class BlacklistRules:
    """How long a merchant stays listed; both assumed.

    Parameters
    ----------
    months_after_default : int, default 12
        Calendar months after the last defaulted loan was repaid in full, or after the entry where
        that is later.
    months_after_malice : int, default 60
        The same for a malicious debtor; one that never defaulted, after the entry.

    Examples
    --------
    >>> BlacklistRules().months_after_default
    12
    >>> BlacklistRules(months_after_default=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: months_after_default must be a whole number of at least 0 ...
    """

    months_after_default: int = 12
    months_after_malice: int = 60

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_whole("months_after_default", self.months_after_default, 0, high=1200)
        require_whole("months_after_malice", self.months_after_malice, 0, high=1200)


def blacklist_changes(
    records: Records,
    *,
    as_of: object,
    willingness: Willingness | None = None,
    rules: BlacklistRules | None = None,
) -> pd.DataFrame:
    """Say who is to enter the blacklist at a moment, and who is to leave it.

    A merchant enters when one of its loans is in default or written off and it is not listed, or
    when it is malicious and not listed as such; where both begin at once, only as malicious. It
    leaves an entry that recovery made when no loan of it is late, in default or written off unpaid,
    nor one of which it is not known what it owes, it is not malicious now, and the months since the
    entry and since its last defaulted loan was repaid in full are over. Entries for other
    reasons, or whose ``source`` is not ``recovery``, are left alone. Changes begin at ``as_of`` and
    are not dated back: eligibility reads them after it.

    Parameters
    ----------
    records : Records
        With ``loans`` and what was due and paid; ``blacklist`` where anybody is listed.
    as_of : str, date or timestamp
        Only what happened and was known before is read.
    willingness : Willingness or None, default None
        From :func:`assess_willingness` at the same moment; None: nobody is called malicious.
    rules : BlacklistRules or None, default None
        None stands for ``BlacklistRules()``.

    Returns
    -------
    pandas.DataFrame
        By merchant: ``change`` (``entry`` or ``exit``), then as the table ``blacklist`` has them
        ``merchant_id, from, to, reason, source``; ``code``, ``text`` and ``text_zh`` say why.

    Raises
    ------
    InputError
        If ``as_of`` is no moment, or ``willingness`` comes from elsewhere.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> records = read_records({"merchants": merchants, "loans": loans})
    >>> blacklist_changes(records, as_of="2013-03-12")[["change", "reason"]].to_numpy().tolist()
    [['entry', 'default']]
    >>> len(blacklist_changes(records, as_of="2013-03-11"))
    0
    >>> blacklist_changes(records, as_of="2013-03-12", willingness="malicious")
    Traceback (most recent call last):
    alicredit.errors.InputError: willingness must come from assess_willingness; found str.
    """
    moment, chosen = as_moment("as_of", as_of), given_or("rules", rules, BlacklistRules)
    book = read_postings(require_records(records)).known_before(moment)
    listed = listed_before(records, moment)
    states = replay(book, [moment.normalize()]).merge(
        book.loans[["loan_id", "merchant_id"]], on="loan_id"
    )
    bad = states.loc[states["state"].isin(("default", "written_off")), "merchant_id"]
    malicious = _malicious(willingness)
    entries = [
        _entries(bad, pd.concat([listed["merchant_id"], malicious]), moment, "default"),
        _entries(malicious, listed.loc[listed["reason"] == "malicious", "merchant_id"], moment,
                 "malicious"),
    ]  # fmt: skip
    late = states.loc[(states["days_past_due"] > 0) | states["state"].eq("restructured"),
                      "merchant_id"]  # fmt: skip
    held = pd.concat([bad, late, malicious, _unsettled(book)])
    own = listed[listed["source"].eq(SOURCE) & ~listed["merchant_id"].isin(held)]
    exits = _exits(own, book, moment, chosen)
    made = pd.concat([part for part in (*entries, exits) if len(part)] or [exits])
    order = ["merchant_id", "change", "from", "reason"]
    return made.sort_values(order, ignore_index=True)[_COLUMNS]


def _unsettled(book: Postings) -> pd.Series:
    """Give the merchants of loans of which it is not known whether they are repaid."""
    unknown = find_unknown(book)
    return unknown.loc[unknown["over_day"].isna(), "merchant_id"]


def _malicious(willingness: Willingness | None) -> pd.Series:
    """Give the merchants that were found malicious."""
    if willingness is None:
        return pd.Series(dtype=object)
    given = require_kind("willingness", willingness, Willingness,
                         "must come from assess_willingness").verdicts  # fmt: skip
    return given.loc[given["is_malicious"], "merchant_id"]


def _entries(who: pd.Series, listed: pd.Series, moment: pd.Timestamp, reason: str) -> pd.DataFrame:
    """Lay out who is to be listed and is not."""
    names = sorted(set(who) - set(listed))
    word = REASONS["BL_DEFAULT" if reason == "default" else "BL_MALICIOUS"]
    never = pd.Series([pd.NaT] * len(names), dtype="datetime64[us]")
    return pd.DataFrame(
        {"merchant_id": pd.Series(names, dtype=object), "change": "entry", "from": moment,
         "to": never, "reason": reason, "source": SOURCE, "code": word.code, "text": word.text,
         "text_zh": word.text_zh}
    ).astype({"from": "datetime64[us]"})  # fmt: skip


def _exits(
    listed: pd.DataFrame, book: Postings, moment: pd.Timestamp, rules: BlacklistRules
) -> pd.DataFrame:
    """Lay out whose time on the list is over: months after the entry, and after all was repaid."""
    repaid = _last_repaid(book, moment).set_index("merchant_id")["repaid"]
    rows = listed.reset_index(drop=True)
    since = pd.to_datetime(rows["since"]).dt.normalize().astype("datetime64[us]")
    has_defaulted = rows["merchant_id"].isin(repaid.index)
    last = pd.Series(repaid.reindex(rows["merchant_id"]).to_numpy("datetime64[us]"))
    rows["repaid"] = since.where(~has_defaulted | (since > last), last)
    months = rows["reason"].map(
        {"default": rules.months_after_default, "malicious": rules.months_after_malice}
    )
    rows = rows.assign(months=months)[months.notna() & rows["repaid"].notna()]
    day = rows["repaid"].to_numpy().astype("datetime64[D]")
    over = add_months(day, rows["months"].to_numpy(np.int64))
    rows = rows[over <= np.datetime64(moment.normalize(), "D")]
    word = REASONS["BL_REPAID"]
    return pd.DataFrame(
        {"merchant_id": rows["merchant_id"].astype(object), "change": "exit",
         "from": pd.to_datetime(rows["since"]).astype("datetime64[us]"), "to": moment,
         "reason": rows["reason"].astype(object), "source": SOURCE, "code": word.code,
         "text": word.text, "text_zh": word.text_zh}
    ).astype({"to": "datetime64[us]"})  # fmt: skip


def _last_repaid(book: Postings, moment: pd.Timestamp) -> pd.DataFrame:
    """Give the day on which each merchant's defaulted loans were all repaid; NaT where not."""
    loans = first_defaults(book, moment).merge(
        book.loans[["loan_id", "principal_fen"]], on="loan_id"
    )
    paid = book.payments.merge(loans[["loan_id", "principal_fen"]], on="loan_id",
                               suffixes=("", "_lent"))  # fmt: skip
    paid = paid.sort_values(["loan_id", "day"], kind="stable")
    paid["sum"] = paid.groupby("loan_id")["principal_fen"].cumsum()
    done = paid[paid["sum"] >= paid["principal_fen_lent"]].groupby("loan_id")["day"].min()
    day = done.reindex(loans["loan_id"]).to_numpy().astype("datetime64[us]")
    loans["repaid"] = pd.Series(day, index=loans.index)
    by = loans.groupby("merchant_id")["repaid"]
    last = by.max().where(by.apply(lambda days: days.notna().all()).astype(bool))
    return last.rename("repaid").reset_index()


def blacklist_after(records: Records, changes: pd.DataFrame) -> pd.DataFrame:
    """Give the table ``blacklist`` as it stands once changes were made.

    Parameters
    ----------
    records : Records
        Whose blacklist it is; one may be absent.
    changes : pandas.DataFrame
        From :func:`blacklist_changes`.

    Returns
    -------
    pandas.DataFrame
        As the table has it, sorted by merchant and start: entries added, exits closed.

    Raises
    ------
    InputError
        If a column lacks.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> entry = pd.DataFrame({"change": ["entry"], "merchant_id": "m", "reason": "default",
    ...     "from": pd.Timestamp("2013-03-12"), "to": pd.NaT, "source": "recovery"})
    >>> blacklist_after(records, entry)["merchant_id"].tolist()
    ['m']
    >>> blacklist_after(records, entry.drop(columns="to"))
    Traceback (most recent call last):
    alicredit.errors.InputError: changes must have the column 'to'; ...
    """
    columns = ["merchant_id", "from", "to", "reason", "source"]
    require_columns("changes", map(str, changes.columns), ("change", *columns))
    require_records(records)
    table = records["blacklist"].to_pandas() if "blacklist" in records else pd.DataFrame()
    for name in columns:
        if name not in table:
            kind = "datetime64[us]" if name in ("from", "to") else "object"
            table[name] = pd.Series([None] * len(table), dtype=kind)
    key = ["merchant_id", "from", "reason"]
    types = {"from": "datetime64[us]", "reason": "object"}
    exits = changes.loc[changes["change"] == "exit", [*key, "to"]].astype(types)
    ends = table[key].astype(types).merge(exits.drop_duplicates(key), on=key, how="left")["to"]
    table["to"] = table["to"].where(table["to"].notna(), ends.to_numpy())
    entries = changes.loc[changes["change"] == "entry", columns]
    joined = pd.concat([part for part in (table, entries) if len(part)] or [table])
    times = {"from": "datetime64[us]", "to": "datetime64[us]"}
    return joined.astype(times).sort_values(["merchant_id", "from"], ignore_index=True)
