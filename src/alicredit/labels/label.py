"""Labels of a cohort: default, none, or why it cannot be said."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_kind
from alicredit.cohort import Cohort, Mask, as_moment, require_cohort
from alicredit.errors import InputError, RecordError
from alicredit.labels.definition import DefaultDefinition
from alicredit.labels.episodes import FOREVER, any_between, any_open, find_episodes
from alicredit.ledger import Postings, find_spells, find_uncounted, is_listed, read_postings
from alicredit.records import Records, require_records

STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "good": "no default within the horizon, and the horizon is over",
        "default": "a default within the horizon",
        "immature": "the horizon is not over",
        "indeterminate": "late beyond the threshold, but not by more than 90 days",
        "already_default": "in default, or on probation after it, at as_of",
        "horizon_too_short": "the loan of the row outlasts the horizon",
        "not_a_borrower": "no loan at as_of or within the horizon",
        "unknown": "a row of its loans cannot be counted, and its label hangs on it",
    }
)
"""Why a row has the label it has; all but the first two have none."""

_REGULATORY = 90
_SLACK_DAYS = 30


def label_defaults(
    records: Records,
    cohort: Cohort,
    *,
    definition: DefaultDefinition | None = None,
    observed_until: object = None,
) -> pd.Series:
    """Label each row of a cohort: 1.0 default, 0.0 none, NaN where it cannot be said.

    Parameters
    ----------
    records : Records
        With ``loans`` and what was due and paid on them.
    cohort : Cohort
        Who, and as of when.
    definition : DefaultDefinition or None, default None
        None stands for ``DefaultDefinition()``. One that is given must cover each loan's term.
    observed_until : str, timestamp or None, default None
        Until when the records are complete; None: the time of their last posting, or what their
        notes say.

    Returns
    -------
    pandas.Series
        Named ``default``, index 0 to n - 1, in the cohort's order; ``attrs`` carry
        ``horizon_days``, ``level`` and ``days_past_due``.

    Raises
    ------
    InputError
        If a given definition's horizon is too short for a loan (HORIZON_TOO_SHORT), or a row is
        about a loan that the records do not hold.
    RecordError
        If there are no loans; or no table of repayments, unless ``observed_until`` says that the
        records are complete: every loan would read as never paid.

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
    >>> cohort = Cohort.of_loans(records)
    >>> label_defaults(records, cohort, observed_until="2013-12-31").tolist()
    [1.0]
    >>> label_defaults(records, cohort, definition=DefaultDefinition(horizon_days=90))
    Traceback (most recent call last):
    alicredit.errors.InputError: definition must cover the term of each loan (HORIZON_TOO_SHORT)...
    """
    chosen = _definition(definition)
    status = label_status(records, cohort, definition=definition, observed_until=observed_until)
    values = status.map({"good": 0.0, "default": 1.0}).astype(float).rename("default")
    values.attrs = {
        "horizon_days": chosen.horizon_days,
        "level": chosen.level,
        "days_past_due": chosen.days_past_due,
    }
    return values


def label_status(
    records: Records,
    cohort: Cohort,
    *,
    definition: DefaultDefinition | None = None,
    observed_until: object = None,
) -> pd.Series:
    """Say why each row of a cohort has the label it has.

    Parameters
    ----------
    records : Records
        With ``loans`` and what was due and paid on them.
    cohort : Cohort
        Who, and as of when.
    definition : DefaultDefinition or None, default None
        None stands for ``DefaultDefinition()``.
    observed_until : str, timestamp or None, default None
        Until when the records are complete.

    Returns
    -------
    pandas.Series
        Words of ``STATUSES``, index 0 to n - 1.

    Raises
    ------
    InputError
        As :func:`label_defaults`.

    Examples
    --------
    >>> sorted(STATUSES)[:3]
    ['already_default', 'default', 'good']
    >>> label_status(None, None, definition=DefaultDefinition(level="loan"))
    Traceback (most recent call last):
    alicredit.errors.InputError: level must be one of 2 known words; found 'loan'. ...
    """
    chosen = _definition(definition)
    require_cohort(cohort)
    postings = read_postings(require_records(records))
    _refuse_unknown_loans(postings, cohort)
    is_short = _outlasting(postings, cohort, chosen)
    if definition is not None and is_short.any():
        _refuse_short(postings, cohort, chosen, is_short)
    by = "loan_id" if chosen.level == "facility" else "merchant_id"
    if by not in cohort.frame:
        rule = "must be of loans for a definition at the level of the facility"
        refuse("cohort", rule, "no loan_id", "use Cohort.of_loans")
    asked = cohort.frame[by]
    start = cohort.frame["as_of"].to_numpy()
    end = start + np.timedelta64(chosen.horizon_days, "D")
    _require_payments(records, observed_until)
    until = _observed_until(records, postings, observed_until)
    episodes = find_episodes(postings, chosen, chosen.days_past_due, by)
    severe = find_episodes(postings, chosen, max(chosen.days_past_due, _REGULATORY), by)
    late = any_between(asked, start, end, episodes)
    first_of = {
        "unknown": _is_unknown(postings, asked, start, end, chosen, by),
        "already_default": any_open(asked, start, severe) | any_open(asked, start, episodes),
        "horizon_too_short": is_short.to_numpy(),
        "immature": end > until,
        "not_a_borrower": ~_has_loan(postings, cohort, end),
        "indeterminate": late & _is_between(chosen) & ~any_between(asked, start, end, severe),
        "default": late,
    }
    status = np.select(list(first_of.values()), list(first_of), "good")
    return pd.Series(status, name="status")


def _require_payments(records: Records, observed_until: object) -> None:
    """Refuse records without repayments that nobody says are complete."""
    is_stated = observed_until is not None or "observed_until" in records.notes
    if "loans" in records and "repayments" not in records and not is_stated:
        rule = "must be among the records: without it every loan reads as never paid"
        do = "add it, or say with observed_until= until when nothing was paid"
        refuse("table 'repayments'", rule, "none", do, error=RecordError)


def _definition(given: DefaultDefinition | None) -> DefaultDefinition:
    """Take the definition that is given, or the built-in one."""
    if given is None:
        return DefaultDefinition()
    rule = "must be a DefaultDefinition"
    return require_kind("definition", given, DefaultDefinition, rule, do="DefaultDefinition(...)")


def _refuse_unknown_loans(postings: Postings, cohort: Cohort) -> None:
    """Refuse rows about loans that the records do not hold: nothing would ever be overdue."""
    if "loan_id" not in cohort.frame:
        return
    asked = cohort.frame["loan_id"]
    unknown = asked[~is_listed(asked, postings.loans["loan_id"])]
    if len(unknown):
        found = f"{len(unknown)} others such as {unknown.iloc[0]!r}"
        refuse("cohort", "must ask about loans of these records", found, "use Cohort.of_loans")


def _is_unknown(
    postings: Postings,
    asked: pd.Series,
    start: npt.NDArray[np.datetime64],
    end: npt.NDArray[np.datetime64],
    definition: DefaultDefinition,
    by: str,
) -> npt.NDArray[np.bool_]:
    """Tell for each row whether what its loans owed is not known on a day that decides its label.

    A loan that was over, and the probation after it, before the row's moment decides nothing.
    """
    faults = find_uncounted(postings)
    over = faults["over_day"] + np.timedelta64(definition.probation_days, "D")
    over = over.fillna(pd.Timestamp(FOREVER)).astype("datetime64[us]")
    spans = pd.DataFrame({"who": faults[by], "start": faults["day"], "end": over})
    rows = pd.DataFrame({"who": asked.to_numpy(), "from": start, "to": end}).reset_index()
    pairs = rows.merge(spans, on="who")
    hit = pairs[(pairs["start"] <= pairs["to"]) & (pairs["end"] >= pairs["from"].dt.normalize())]
    return np.isin(rows["index"].to_numpy(), hit["index"].unique())


def _is_between(definition: DefaultDefinition) -> bool:
    """Tell whether lateness between the threshold and 90 days says neither good nor bad."""
    return definition.days_past_due not in (30, _REGULATORY)


def _outlasting(postings: Postings, cohort: Cohort, definition: DefaultDefinition) -> pd.Series:
    """Mark rows whose own loan could still default after the horizon, or has no end."""
    if "loan_id" not in cohort.frame:
        return pd.Series(np.zeros(len(cohort), dtype=bool))
    loans = postings.loans.drop_duplicates("loan_id").set_index("loan_id")
    mine = loans.reindex(cohort.frame["loan_id"])
    term = (mine["due_at"] - mine["disbursed_at"]).dt.days.to_numpy()
    needed = term + definition.days_past_due + _SLACK_DAYS
    is_covered: Mask = needed <= definition.horizon_days
    return pd.Series(~is_covered)


def _refuse_short(
    postings: Postings, cohort: Cohort, definition: DefaultDefinition, is_short: pd.Series
) -> None:
    """Refuse a given horizon that does not cover a loan's term, naming product and need."""
    loans = postings.loans.drop_duplicates("loan_id").set_index("loan_id")
    mine = loans.reindex(cohort.frame["loan_id"][is_short.to_numpy()])
    term = (mine["due_at"] - mine["disbursed_at"]).dt.days
    if term.isna().any():
        rule, which = "must be of loans with a due date", mine.index[term.isna()][0]
        refuse("cohort", rule, f"loan {which!r} without", "find_problems lists them")
    worst = int(term.to_numpy().argmax())
    needed = int(term.iloc[worst]) + definition.days_past_due + _SLACK_DAYS
    product = mine["product_id"].iloc[worst]
    refuse(
        "definition",
        "must cover the term of each loan (HORIZON_TOO_SHORT)",
        f"{definition.horizon_days} days where {product} needs {needed}",
        "lengthen horizon_days, or take a cohort of one product",
    )


def _observed_until(records: Records, postings: Postings, given: object) -> np.datetime64:
    """Give the moment until which the ledger is complete."""
    if given is None:
        given = records.notes.get("observed_until")
    if given is not None:
        return np.datetime64(as_moment("observed_until", given), "us")
    times = [postings.loans["disbursed_at"], postings.payments["day"], postings.events["day"]]
    latest = [part.max() for part in times if len(part)]
    if not latest:
        raise InputError("records must hold at least one loan; found none.")
    return np.datetime64(max(latest), "us")


def _has_loan(
    postings: Postings, cohort: Cohort, end: npt.NDArray[np.datetime64]
) -> npt.NDArray[np.bool_]:
    """Tell whether a merchant owed at as_of or took a loan within the horizon."""
    if "loan_id" in cohort.frame:
        return np.ones(len(cohort), dtype=bool)
    loans = postings.loans[["merchant_id", "disbursed_at", "due_at"]]
    rows = cohort.frame[["merchant_id", "as_of"]].assign(to=end).reset_index()
    pairs = rows.merge(loans, on="merchant_id")
    running = (pairs["disbursed_at"] <= pairs["to"]) & (pairs["due_at"] >= pairs["as_of"])
    is_running = np.isin(rows["index"].to_numpy(), pairs["index"][running].unique())
    late = find_spells(postings).frame.rename(columns={"merchant_id": "who", "due_day": "start"})
    over = late["settled_day"].fillna(pd.Timestamp(FOREVER)).astype("datetime64[us]")
    at = cohort.frame["as_of"].to_numpy()
    return is_running | any_open(cohort.frame["merchant_id"], at, late.assign(end=over))
