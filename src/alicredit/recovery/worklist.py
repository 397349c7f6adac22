"""Whom to speak to today: the work list of collection, under people's time and debtors' peace."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import (
    given_or,
    refuse,
    require_columns,
    require_kind,
    require_one_of,
    require_whole,
)
from alicredit.cohort import as_moment
from alicredit.loans.book.exact import rounded, shares
from alicredit.policy import Policy
from alicredit.records import Records, require_records
from alicredit.recovery.claims import Claims, StageRules, take_claims
from alicredit.recovery.contact import CONTACTS, ContactRules, require_stages
from alicredit.recovery.steps import contacts_before, listed_before

_OF_STAGE = {"message": "sms", "telephone": "phone", "visit": "visit", "write_off": "write_off"}
_PEOPLE = {"sms": "message", "phone": "telephone", "visit": "visit", "list": "blacklist",
           "write_off": "write_off"}  # fmt: skip
_WEEK = 7


def worklist(
    records: Records,
    *,
    as_of: object,
    capacity: Mapping[str, int],
    policy: str | Policy = "ali-2013",
    rules: ContactRules | None = None,
    stages: StageRules | None = None,
    contacts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """List what is to be done today about each overdue loan, and for whom there are people.

    Stages follow days past due: message 1-3, telephone 4-30, visit 31-90, in default from 91 (the
    debtor is entered on the blacklist, then visited), to be written off after 365 days in default
    (DOMAIN 3.3). A debtor is contacted once about all its loans whose stage asks for a contact, as
    the latest of them asks. Debtors who wait for the same action are ranked by what it is expected
    to bring over these loans less its cost; ties by days past due, then by id. About a loan under
    an accepted plan nothing is done while the plan is kept, in default or not: while none of its
    instalments is overdue or, where they are not written down, while it was accepted, or something
    was paid on the loan, within the last 35 days (assumed). It has a row of its own, ``on_plan``,
    and says nothing of other loans. So has a loan of which it is not known what it owes, or of a
    product that the policy does not lend: its records are to be mended.

    Parameters
    ----------
    records : Records
        With ``loans``, what was due and paid, ``collections`` and ``blacklist`` where they are.
    as_of : str, date or timestamp
        The moment of the list; only what happened and was known before is read.
    capacity : mapping of str to int
        By stage, how many steps people can take a day; what was done today already is taken off. A
        visit to a debtor in default is one of the visits.
    policy : str or Policy, default "ali-2013"
        Whose products say what lateness is charged.
    rules : ContactRules or None, default None
        Hours, rest days, caps, chances and costs.
    stages : StageRules or None, default None
        From how many days past due which stage begins.
    contacts : pandas.DataFrame or None, default None
        ``merchant_id, owner_id, channel`` (``sms``, ``phone`` or ``visit``): whose contact is on
        file. One that is not the debtor's own is never used, and no other column is taken. None:
        every debtor is reached through its own account on the platform.

    Returns
    -------
    pandas.DataFrame
        One row a loan, by action, rank and loan: ``merchant_id, loan_id, product_id, stage, action,
        days_past_due``; in fen ``due_fen, penalty_fen, expected_recovery_fen, cost_fen, net_fen``;
        ``rank`` (missing for a debtor's other loans and for plans), ``scheduled``, ``not_before,
        not_after`` (of a scheduled contact), ``reasons``: codes why it is not scheduled, and
        ``status`` (``vocabulary.CLAIM_STATUSES``). What is not worth its cost is not scheduled; the
        desk's work does not depend on that.

    Raises
    ------
    InputError
        If a capacity lacks or is no whole number, or ``contacts`` has another column.

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
    >>> people = {"message": 100, "telephone": 20, "visit": 2, "blacklist": 50, "write_off": 50}
    >>> today = worklist(records, as_of="2012-12-21", capacity=people)
    >>> today[["stage", "action", "expected_recovery_fen", "scheduled"]].to_numpy().tolist()
    [['telephone', 'phone', 127813, True]]
    >>> worklist(records, as_of="2012-12-21", capacity={"visit": 2})
    Traceback (most recent call last):
    alicredit.errors.InputError: capacity must name each stage; found none for 'message'.
    """
    moment, chosen = as_moment("as_of", as_of), given_or("rules", rules, ContactRules)
    require_stages("capacity", capacity)
    for stage, people in capacity.items():
        require_whole(f"capacity[{stage!r}]", people, 0)
    owned = None if contacts is None else _own_contacts(contacts)
    made = take_claims(require_records(records), moment, policy, stages=stages)
    listed = listed_before(records, moment)
    claims = _with_actions(made, listed)
    rows = _valued(claims, chosen)
    steps = contacts_before(records, moment)
    causes = _causes(rows, steps, moment, chosen, owned)
    left = _left(capacity, steps, listed, moment)
    return _with_unknown(_scheduled(rows, causes, left, moment, chosen), made.unknown)


def _with_actions(made: Claims, listed: pd.DataFrame) -> pd.DataFrame:
    """Say what each loan's stage asks for; of one under a plan that is kept, nothing."""
    parts = [part for part in (made.overdue, made.on_plan) if len(part)]
    claims = pd.concat(parts, ignore_index=True) if parts else made.overdue.copy()
    is_listed = claims["merchant_id"].isin(listed["merchant_id"])
    claims["is_planned"] = claims["loan_id"].isin(made.planned)
    claims["action"] = claims["stage"].map(_OF_STAGE)
    claims["action"] = claims["action"].fillna(is_listed.map({True: "visit", False: "list"}))
    claims["action"] = claims["action"].mask(claims["is_planned"], "keep_plan").astype(object)
    claims["status"] = claims["is_planned"].map({True: "on_plan", False: "claimed"}).astype(object)
    return claims


def _with_unknown(rows: pd.DataFrame, unknown: pd.DataFrame) -> pd.DataFrame:
    """Add the loans of which it is not known what they owe: somebody must mend their records."""
    whole = rows.astype(dict.fromkeys(_NUMBERS, "Int64"))
    if unknown.empty:
        return whole
    mend = unknown.sort_values(["merchant_id", "loan_id"], ignore_index=True)
    mend["reasons"] = pd.Series([("COL_UNKNOWN",)] * len(mend), dtype=object)
    mend = mend.assign(action="mend", scheduled=False, not_before=pd.NaT, not_after=pd.NaT)
    mend = mend.reindex(columns=_COLUMNS).astype(whole.dtypes.to_dict())
    return pd.concat([part for part in (whole, mend) if len(part)], ignore_index=True)


def _own_contacts(contacts: pd.DataFrame) -> pd.MultiIndex:
    """Read whose contacts are on file; keep the debtor's own."""
    require_kind("contacts", contacts, pd.DataFrame, "must be a frame")
    names = ("merchant_id", "owner_id", "channel")
    require_columns("contacts", map(str, contacts.columns), names)
    others = [str(name) for name in contacts.columns if name not in names]
    if others:
        rule = "must have no other column: nobody but the debtor is contacted"
        refuse("contacts", rule, ", ".join(others), "drop it")
    for channel in contacts["channel"].unique():
        require_one_of("contacts['channel']", channel, CONTACTS)
    who = contacts[["merchant_id", "owner_id"]].astype(str)
    own = who["owner_id"].eq(who["merchant_id"]) & contacts["owner_id"].notna()
    made = pd.DataFrame({"merchant_id": who["merchant_id"], "channel": contacts["channel"]})
    return pd.MultiIndex.from_frame(made[own])


def _valued(claims: pd.DataFrame, rules: ContactRules) -> pd.DataFrame:
    """Say what a step is expected to bring and cost, and which loan speaks for its debtor."""
    rows = claims.copy()
    order = ["merchant_id", "days_past_due", "loan_id"]
    rows = rows.sort_values(order, ascending=[True, False, True], ignore_index=True)
    reaches = rows["action"].isin(CONTACTS)
    kind = (
        rows["action"].mask(reaches, "contact").mask(rows["action"] == "write_off", rows["loan_id"])
    )
    kind = kind.mask(rows["is_planned"], "plan " + rows["loan_id"].astype(str))
    rows["is_first"] = ~pd.DataFrame({"who": rows["merchant_id"], "kind": kind}).duplicated()
    stage = rows["stage"].map(dict(rules.chances)).fillna("0")
    chance, base = shares("chances", stage.tolist() or ["0"])
    claim = (rows["due_fen"] + rows["penalty_fen"]).to_numpy(np.int64)
    rows["expected_recovery_fen"] = rounded(base, claim, np.resize(chance, len(rows)))
    cost = rows["action"].map(dict(rules.costs_fen)).fillna(0).astype(np.int64)
    rows["cost_fen"] = cost.where(rows["is_first"], 0)
    rows["net_fen"] = rows["expected_recovery_fen"] - rows["cost_fen"]
    rows["debtor_net_fen"] = rows["net_fen"].groupby([rows["merchant_id"], kind]).transform("sum")
    return rows


def _causes(
    rows: pd.DataFrame,
    steps: pd.DataFrame,
    moment: pd.Timestamp,
    rules: ContactRules,
    owned: pd.MultiIndex | None,
) -> dict[str, npt.NDArray[np.bool_]]:
    """Tell for each row and code whether it stands against a step today."""
    who, reaches = rows["merchant_id"], rows["action"].isin(CONTACTS)
    day = moment.normalize()
    made = steps[steps["action"].ne("legal")]
    week = made[made["at"] >= day - pd.Timedelta(days=_WEEK - 1)]

    def count(some: pd.DataFrame) -> pd.Series:
        return who.map(some.groupby("merchant_id").size().astype(float)).fillna(0)

    broken = count(steps[steps["is_broken"]])
    is_young = steps["at"].dt.normalize() >= day - pd.Timedelta(days=rules.promise_days)
    running = who.isin(steps.loc[steps["is_running"] & is_young, "merchant_id"])
    visits = count(week[week["action"] == "visit"])
    known = np.ones(len(rows), dtype=bool)
    if owned is not None:
        known = pd.MultiIndex.from_frame(rows[["merchant_id", "action"]]).isin(owned)
    is_late = moment >= day + pd.Timedelta(hours=rules.hours[1])
    causes = {
        "COL_SAME_DEBTOR": ~rows["is_first"],
        "COL_NO_OWN_CONTACT": reaches & ~known,
        "COL_PROMISE": reaches & running & (broken < rules.promises_trusted),
        "COL_PLAN": rows["is_planned"],
        "COL_REST_DAY": reaches & rules.is_rest(day),
        "COL_HOURS": reaches & is_late,
        "COL_DAY_CAP": reaches & (count(made[made["at"] >= day]) >= rules.per_day),
        "COL_WEEK_CAP": reaches & (count(week) >= rules.per_week),
        "COL_VISIT_CAP": rows["action"].eq("visit") & (visits >= rules.visits_per_week),
        "COL_COST": reaches & (rows["debtor_net_fen"] <= 0),
    }
    return {code: mask.to_numpy(bool) for code, mask in causes.items()}


def _left(
    capacity: Mapping[str, int], steps: pd.DataFrame, listed: pd.DataFrame, moment: pd.Timestamp
) -> dict[str, int]:
    """Give how many steps of each action people can still take today."""
    day = moment.normalize()
    done = steps.loc[steps["at"] >= day, "action"].replace("voice", "phone").value_counts()
    entered = int((pd.to_datetime(listed["since"]) >= day).sum())
    used = {action: int(done.get(action, 0)) for action in CONTACTS} | {"list": entered}
    return {
        action: max(capacity[stage] - used.get(action, 0), 0) for action, stage in _PEOPLE.items()
    }


def _scheduled(
    rows: pd.DataFrame,
    causes: dict[str, npt.NDArray[np.bool_]],
    left: dict[str, int],
    moment: pd.Timestamp,
    rules: ContactRules,
) -> pd.DataFrame:
    """Rank debtors by action, give people to the first, and lay the list out."""
    free = ~np.logical_or.reduce(list(causes.values()))
    order = ["action", "is_first", "debtor_net_fen", "days_past_due", "merchant_id", "loan_id"]
    directions = [True, False, False, False, True, True]
    place = rows.sort_values(order, ascending=directions).index.to_numpy()
    rows, free = rows.loc[place].reset_index(drop=True), free[place]
    causes = {code: mask[place] for code, mask in causes.items()}
    rank = rows.groupby("action").cumcount() + 1
    rows["rank"] = rank.where(rows["is_first"] & ~rows["is_planned"]).astype("Int64")
    turn = pd.Series(free.astype(np.int64)).groupby(rows["action"]).cumsum().to_numpy()
    room = rows["action"].map(left).fillna(0).to_numpy(np.int64)
    rows["scheduled"] = free & (turn <= room)
    causes["COL_CAPACITY"] = free & (turn > room)
    day = moment.normalize()
    opening = max(moment, day + pd.Timedelta(hours=rules.hours[0]))
    meets = rows["scheduled"] & rows["action"].isin(CONTACTS)
    closing = day + pd.Timedelta(hours=rules.hours[1])
    for name, when in (("not_before", opening), ("not_after", closing)):
        rows[name] = pd.Series(np.where(meets, np.datetime64(when, "us"), np.datetime64("NaT")))
    against = np.column_stack(list(causes.values())) if len(rows) else np.zeros((0, len(causes)))
    codes = np.array(list(causes), dtype=object)
    rows["reasons"] = pd.Series([tuple(codes[np.asarray(mask, dtype=bool)]) for mask in against],
                                dtype=object, index=rows.index)  # fmt: skip
    return rows[_COLUMNS]


_COLUMNS = [
    "merchant_id", "loan_id", "product_id", "stage", "action", "days_past_due", "due_fen",
    "penalty_fen", "expected_recovery_fen", "cost_fen", "net_fen", "rank", "scheduled",
    "not_before", "not_after", "reasons", "status",
]  # fmt: skip
_NUMBERS = ["days_past_due", "due_fen", "penalty_fen", "expected_recovery_fen", "cost_fen",
            "net_fen"]  # fmt: skip
