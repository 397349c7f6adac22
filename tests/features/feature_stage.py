"""Random platforms, what each question may see of them, and disturbances of what it may not.

Visibility is computed here a second time, in pandas and row by row from the declared tables, so
that it can disagree with the SQL under test.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.derived import DERIVED, PEERS, base_tables
from alicredit.engine import reading, reference, run, sql, streams, together
from alicredit.features import CATALOGUE, Catalogue
from alicredit.records import TABLES
from alicredit.records.declaration import Column, Table

START = pd.Timestamp("2012-01-01")
DAYS = 540
MICROSECOND = pd.Timedelta(1, "us")
USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
ROWS = {
    "orders": 170,
    "interactions_daily": 190,
    "traffic_daily": 190,
    "bank_txns": 75,
    "customs": 30,
    "declared_sales": 40,
    "merchant_history": 12,
    "utilities": 70,
    "loans": 16,
}
"""Rows a merchant; tables that are not named have 8, children two for three parents."""
CHILDREN = {"instalments": 2.0, "repayments": 2.5}
"""Children a parent, where a parent may have several."""

Tables = dict[str, pd.DataFrame]


def make_tables(seed: int, merchants: int = 8) -> Tables:
    """Make every table of the catalogue at random, parents before children."""
    return {name: frame.copy() for name, frame in _tables(seed, merchants).items()}


@lru_cache(maxsize=8)
def _tables(seed: int, merchants: int) -> Tables:
    rng = np.random.default_rng(seed)
    names = [f"m{k}" for k in range(merchants)]
    tables: Tables = {}
    written = base_tables(CATALOGUE.tables)
    for name in sorted(written, key=lambda each: bool(TABLES[each].parent)):
        table = TABLES[name]
        if table.parent:
            parents = tables[table.parent.split(".")[0]]
            each = CHILDREN.get(name, 0.66)
            owner = parents.sample(frac=each, replace=each > 1, random_state=seed % 2**31)
            tables[name] = _rows(rng, table, len(owner), owner[table.parent.split(".")[1]])
        elif table.merchantless:  # facts of nobody, one a day
            tables[name] = _rows(rng, table, DAYS, pd.Series(pd.date_range(START, periods=DAYS)))
        else:
            count = 1 if name == "merchants" else ROWS.get(name, 8)
            tables[name] = _rows(rng, table, count * merchants, pd.Series(names * count))
    _spend(rng, tables)
    _speak(rng, tables["merchant_history"])
    return tables


def _speak(rng: np.random.Generator, history: pd.DataFrame) -> None:
    """Let changes of membership and of proofs say what these may be."""
    words = {"membership": ("paying", "ordinary"), "real_name": ("True", "false", "yes", "no?"),
             "licence": ("1", "0", "TRUE", "F")}  # fmt: skip
    for field, values in words.items():
        at = history["field"] == field
        history.loc[at, "value"] = rng.choice(values, int(at.sum()))


def _spend(rng: np.random.Generator, tables: Tables) -> None:
    """Let much of what leaves the bank do so soon after a loan, for suppliers or for nothing."""
    bank, loans = tables["bank_txns"], tables["loans"]
    taken = loans.groupby("merchant_id")["disbursed_at"].apply(list)
    soon = pd.Series(rng.random(len(bank)) < 0.5)
    hours = pd.to_timedelta(rng.exponential(60, len(bank)).round(3), "h").round("s")
    picked = pd.Series(
        [taken[who][k % len(taken[who])] for k, who in enumerate(bank["merchant_id"])]
    )
    bank["at"] = bank["at"].mask(soon, picked + hours)
    words = pd.Series(rng.choice(["supplier", "other"], len(bank)), dtype=bank["kind"].dtype)
    bank["kind"] = bank["kind"].mask(soon, words)


def link_of(table: Table) -> str:
    """Name the column that says whose a row is; of a fact of nobody, its day."""
    if table.merchantless:
        return table.key[0]
    return table.parent.split(".")[1] if table.parent else "merchant_id"


def _rows(rng: np.random.Generator, table: Table, size: int, owner: pd.Series) -> pd.DataFrame:
    """Make rows of a table for given owners, whose times run forward."""
    link = link_of(table)
    moment = START + pd.to_timedelta(rng.integers(0, DAYS * 86_400, size), "s")
    if table.name == "merchants":
        moment = START + pd.to_timedelta(rng.integers(0, 90, size), "D")
    clock = pd.Series(owner.to_numpy() if table.merchantless else moment)
    columns = {}
    for column in table.columns:
        if column.name == link:
            columns[column.name] = owner.to_numpy()
        elif column.name == table.happened:
            columns[column.name] = clock.dt.normalize() if column.kind == "date" else clock
        elif column.kind in ("time", "date"):
            mean = (20 if (table.name, column.name) == ("loans", "due_at") else 4) * 86_400
            clock = clock + pd.to_timedelta(rng.exponential(mean, size).round(), "s")
            given = clock.dt.normalize() if column.kind == "date" else clock
            empty = rng.random(size) < (0.2 if column.nullable else 0)
            columns[column.name] = given.mask(pd.Series(empty))
        else:
            columns[column.name] = _values(rng, table, column, size)
    late = clock + pd.to_timedelta(rng.integers(0, 60 * 86_400, size), "s")
    columns["known_at"] = late.where(pd.Series(rng.random(size) < 0.15))
    return pd.DataFrame(columns)


def _values(rng: np.random.Generator, table: Table, column: Column, size: int) -> pd.Series:
    """Draw possible values of a column; some are missing where that is allowed."""
    if column.kind == "id":
        few = column.name in ("buyer_id", "counterparty", "device_hash", "address_hash")
        keys = rng.integers(0, 30, size) if few else rng.integers(0, 2**60, size)
        return pd.Series([f"{column.name[0]}{key}" for key in keys])
    low = -500 if column.low is None or column.low < 0 else column.low
    high = 500 if column.high is None else min(column.high, 500)
    if table.name == "merchants" and column.name == "category":
        return pd.Series(rng.integers(0, 3, size).astype(str))  # as merchant_history writes them
    if column.name == "hs_code":
        return pd.Series(
            rng.choice(["850110", "8501", "850190", "610910", "610990", "6109", "61091"], size)
        )
    if table.name == "declared_sales":
        low, high = 5_000, 50_000
    if table.name == "loans" and column.name == "principal":
        high = 2_000
    if column.name == "usd_cny":
        low, high = 5, 8
    if column.name == "balance_after":
        high = 5_000  # below and above what counts as low
    drawn = {
        "code": lambda: rng.choice(column.values or tuple("abcdefghijkl"), size),
        "text": lambda: rng.integers(0, 6, size).astype(str),
        "flag": lambda: rng.random(size) < 0.5,
        "count": lambda: rng.integers(max(low, -1), min(high, 9) + 1, size),
        "fen": lambda: rng.integers(0, 20_000, size),
    }.get(column.kind, lambda: rng.uniform(low, high, size).round(2))()
    if column.name == "penalty":
        drawn = drawn * (rng.random(size) < 0.5)  # most repayments bear none
    if (table.name, column.name) == ("orders", "amount"):
        told = rng.choice([100.0, 200.0, 300.0, 55.5, 8.88, 222.22, 99.0], size)
        drawn = np.where(rng.random(size) < 0.3, told, drawn)
    series = pd.Series(drawn).convert_dtypes()
    return series.mask(pd.Series(rng.random(size) < 0.1)) if column.nullable else series


def make_moments(seed: int, merchants: int = 8) -> pd.Series:
    """Draw one question a merchant, with a time of day, where past and future are both rich."""
    rng = np.random.default_rng(seed + 1)
    seconds = rng.integers(400 * 86_400, 480 * 86_400, merchants)
    seconds[0] -= seconds[0] % 86_400  # one at midnight
    return pd.Series(
        START + pd.to_timedelta(seconds, "s"), index=[f"m{k}" for k in range(merchants)]
    )


def shown(catalogue: Catalogue) -> Catalogue:
    """Make columns of the mere parts too, so that they can be held to the truth."""
    return Catalogue(tuple(replace(feature, is_part=False) for feature in catalogue))


def reads_others(name: str, catalogue: Catalogue = CATALOGUE) -> bool:
    """Tell whether other merchants' past, which is no future, goes into a feature."""
    feature = catalogue[name]
    derived = DERIVED.get(feature.table)
    if derived is not None and (derived.owner == PEERS or derived.is_of_others):
        return True
    return any(reads_others(part, catalogue) for part in feature.parts)


def records_of(tables: Tables) -> ac.Records:
    """Read the tables with a lawful use for the restricted ones."""
    return ac.read_records(tables, data_use=USE)


def cohort_of(moments: pd.Series) -> ac.Cohort:
    """Ask of each merchant as of its moment."""
    frame = pd.DataFrame({"merchant_id": moments.index, "as_of": moments.to_numpy()})
    return ac.Cohort.from_frame(frame)


def bits(frame: pd.DataFrame) -> dict[str, bytes]:
    """Give the bytes of each column."""
    return {name: frame[name].to_numpy(np.float64).tobytes() for name in frame}


def moved(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """Name the columns of which any bit differs."""
    old, new = bits(before), bits(after)
    return [name for name in old if old[name] != new[name]]


def placed(tables: Tables, name: str, moments: pd.Series) -> pd.DataFrame:
    """Add to each row its merchant, when it happened and was known, and the question's as_of."""
    table, frame = TABLES[name], tables[name].copy()
    if table.parent:
        parent_name, link = table.parent.split(".")
        parent = placed(tables, parent_name, moments).set_index(link)
        frame = frame[frame[link].isin(parent.index)]
        frame["_merchant"] = frame[link].map(parent["_merchant"])
        floor = frame[link].map(parent["_known"])
    else:
        frame["_merchant"] = frame.get("merchant_id", "nobody")
        floor = pd.Series(pd.NaT, index=frame.index)
    happened = frame[table.happened] if table.happened else floor
    if table.parent and not table.happened:
        happened = frame[table.parent.split(".")[1]].map(parent["_happened"])
    if table.period == "day":
        happened = happened.dt.normalize() + pd.Timedelta(1, "D") - MICROSECOND
    if table.period == "month":
        first = happened.dt.normalize() - pd.to_timedelta(happened.dt.day - 1, "D")
        happened = first + pd.DateOffset(months=1) - MICROSECOND
    times = {"a": happened, "b": floor, "c": frame["known_at"]}
    if table.known in frame:
        times["d"] = frame[table.known]
    frame["_happened"] = happened
    frame["_known"] = pd.DataFrame(times).max(axis=1)
    frame["_as_of"] = moments.max() if table.merchantless else frame["_merchant"].map(moments)
    frame["_visible"] = (frame["_happened"] < frame["_as_of"]) & (frame["_known"] < frame["_as_of"])
    return frame


def seen(tables: Tables, name: str, moments: pd.Series) -> pd.DataFrame:
    """Keep what the questions may see: visible rows, later columns blank until their time."""
    frame = placed(tables, name, moments)
    frame = frame[frame["_visible"]].copy()
    for column in TABLES[name].columns:
        if column.mutable and column.name in frame:
            frame = frame.drop(columns=column.name)
        elif column.timed_by and column.timed_by != column.name:
            filled = frame[column.timed_by] < frame["_as_of"]
            frame[column.name] = frame[column.name].where(filled)
    for column in TABLES[name].columns:
        if column.timed_by == column.name:
            known = frame[column.name] < frame["_as_of"]
            frame[column.name] = frame[column.name].where(known)
    return frame


def disturb(tables: Tables, moments: pd.Series, seed: int, kinds: frozenset[str]) -> Tables:
    """Change, add, delete and fill in what no question could know, by the kinds asked for."""
    rng = np.random.default_rng(seed)
    after = {}
    for name, frame in tables.items():
        table, at = TABLES[name], placed(tables, name, moments)
        as_of, hidden = at["_as_of"], ~at["_visible"]
        fresh = frame.copy()
        if "fill" in kinds:
            _fill_in(rng, table, fresh, as_of)
        if "change" in kinds:
            _change(rng, table, fresh, as_of, hidden)
        if "delete" in kinds:
            fresh = fresh[~(hidden & (rng.random(len(fresh)) < 0.5))]
        if "add" in kinds:
            fresh = pd.concat([fresh, _added(rng, table, frame, as_of)], ignore_index=True)
        after[name] = fresh.reset_index(drop=True)
    return after


def _later(rng: np.random.Generator, as_of: pd.Series) -> pd.Series:
    """Draw times from as_of on; some are as_of to the microsecond."""
    seconds = rng.integers(0, 40 * 86_400, len(as_of)) * (rng.random(len(as_of)) < 0.8)
    return as_of + pd.to_timedelta(seconds, "s")


def _fill_in(rng: np.random.Generator, table: Table, frame: pd.DataFrame, as_of: pd.Series) -> None:
    """Rewrite every cell that its own time, or its lack of one, hides."""
    for column in table.columns:
        if column.mutable:
            frame[column.name] = _values(rng, table, column, len(frame)).to_numpy()
        if column.timed_by and column.timed_by != column.name:
            unseen = ~(frame[column.timed_by] < as_of)
            drawn = _values(rng, table, column, len(frame)).set_axis(frame.index)
            frame[column.name] = frame[column.name].mask(unseen, drawn)
    for column in table.columns:
        if column.timed_by == column.name:
            unseen = ~(frame[column.name] < as_of)
            drawn = _later(rng, as_of).mask(pd.Series(rng.random(len(frame)) < 0.3, frame.index))
            if column.kind == "date":
                drawn = drawn.dt.normalize() + pd.Timedelta(1, "D")
            frame[column.name] = frame[column.name].mask(unseen, drawn)


def _change(
    rng: np.random.Generator, table: Table, frame: pd.DataFrame, as_of: pd.Series, hidden: pd.Series
) -> None:
    """Rewrite rows that are not yet visible, in every column but those that say whose they are."""
    link = link_of(table)
    other = _rows(rng, table, len(frame), frame[link]).set_axis(frame.index)
    other["known_at"] = _later(rng, as_of)  # however early it says it happened
    for column in other:
        if column != link and column not in table.key:
            frame[column] = frame[column].mask(hidden, other[column])
    if table.happened and table.happened not in table.key:
        from_now = hidden & (rng.random(len(frame)) < 0.5)
        time = _later(rng, as_of)
        frame[table.happened] = frame[table.happened].mask(from_now, time)


def _added(
    rng: np.random.Generator, table: Table, frame: pd.DataFrame, as_of: pd.Series
) -> pd.DataFrame:
    """Make new rows that lie from as_of on, or are known only then."""
    if table.name == "merchants":
        return frame.head(0)
    link = link_of(table)
    picked = rng.integers(0, len(frame), len(frame) // 3)
    owner = frame[link].iloc[picked].reset_index(drop=True)
    moment = as_of.iloc[picked].reset_index(drop=True)
    new = _rows(rng, table, len(picked), owner)
    late = pd.Series(rng.random(len(picked)) < 0.5)
    from_now = _later(rng, moment)
    if not table.happened:  # it happens with its parent, and becomes known later
        return new.assign(known_at=from_now)
    if new[table.happened].dt.normalize().equals(new[table.happened]):
        from_now = from_now.dt.normalize()
    new["known_at"] = new["known_at"].mask(late, _later(rng, moment))
    new[table.happened] = new[table.happened].where(late, from_now)
    for key in table.key:
        if table[key].kind == "id" and key != link:
            new[key] = [f"new{k}" for k in range(len(new))]
    return new


LEAKS = ("known late", "a day too late", "the moment itself", "a column before its time")


def plant_leak(monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Let both engines see what they must not, by one of the ways there are."""
    if leak == "a column before its time":
        monkeypatch.setattr(sql, "_masked", lambda column: f'f."{column.name}"')
        shown = streams.shown_sql
        for module in (streams, together):
            monkeypatch.setattr(
                module,
                "shown_sql",
                lambda table, features, _, time="": shown(table, features, "true", time),
            )
        return
    view, query, sort = sql.view_sql, streams.query_sql, run.sort_questions
    monkeypatch.setattr(reference, "view_sql", lambda *given: _leaking(view(*given), leak))
    monkeypatch.setattr(
        reading, "query_sql", lambda *given, **more: _leaking(query(*given, **more), leak)
    )
    further = {"a day too late": 86_400_000_000, "the moment itself": 1}.get(leak, 0)
    monkeypatch.setattr(
        run, "sort_questions", lambda who, as_of, count: sort(who, as_of + further, count)
    )


def _leaking(text: str, leak: str) -> str:
    """Take from a query what hides later facts."""
    moment = r"(CAST\('[^']*' AS TIMESTAMP\)|q\.as_of)"
    if leak == "known late":
        text = re.sub(rf" AND f\._known < {moment}", "", text)
        return text.replace("greatest(f._happened, f._known)", "f._happened")
    further = "1 DAY" if leak == "a day too late" else "1 MICROSECOND"
    return re.sub(rf"< {moment}", rf"< \1 + INTERVAL {further}", text)
