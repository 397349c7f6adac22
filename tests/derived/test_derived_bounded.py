"""Tables made of others within a bound of memory are the same; sales of peers by brute force."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from derived_stage import merchants, on

import alicredit as ac
from alicredit.derived import (
    DERIVED,
    ask_of_peers,
    derive,
    derive_recent,
    derive_tables,
    peers,
)
from alicredit.derived.peer_tables import ACTIVE_DAYS
from alicredit.errors import RecordError
from alicredit.records.bounds import Bound

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
USE = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}


@pytest.mark.parametrize("name", [n for n, each in DERIVED.items() if not each.is_view])
def test_a_table_made_within_a_bound_lies_in_a_file_and_is_the_same(
    name: str, tmp_path: Path
) -> None:
    records = ac.read_records(SAMPLE, data_use=USE)
    held = derive_tables(records, [name])
    laid = derive_tables(records.within(Bound(300_000_000, str(tmp_path))), [name])
    assert (name in laid) == (name in held)
    if name not in held:
        return
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}-00000.parquet"]
    assert laid.sources[name].types == held.sources[name].types
    columns = list(held.columns(name))
    frames = [each[name].to_pandas().sort_values(columns, ignore_index=True)
              for each in (held, laid)]  # fmt: skip
    assert len(frames[0])
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.parametrize("parts", [2, 7])
def test_dues_made_a_part_at_a_time_are_those_made_at_once(
    parts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = ac.read_records(SAMPLE)
    held = derive_tables(records, ["loan_dues"])["loan_dues"].to_pandas()
    rows = sum(records.count(name) for name in ("loans", "repayments", "instalments"))
    monkeypatch.setattr(derive, "_ROW_BYTES", 300_000_000 * parts // rows)
    laid = derive_tables(records.within(Bound(300_000_000, str(tmp_path))), ["loan_dues"])
    assert len(laid.sources["loan_dues"].paths) == parts
    columns = list(held.columns)
    found = laid["loan_dues"].to_pandas()[columns].sort_values(columns, ignore_index=True)
    pd.testing.assert_frame_equal(found, held.sort_values(columns, ignore_index=True))


def loans_of_all_kinds(seed: int) -> dict[str, pd.DataFrame]:
    """Draw loans listed twice or not at all, late, unlike or impossible dues and payments."""
    rng = np.random.default_rng(seed)
    size = 400
    taken = pd.DatetimeIndex([on(day) for day in np.round(rng.uniform(0, 20, size), 1)])
    term = pd.to_timedelta(rng.choice([-1, 0, 30], size), "D")
    loans = pd.DataFrame({
        "loan_id": [f"l{k}" if k % 37 else "l1" for k in range(size)],
        "merchant_id": rng.choice(["m", "n"], size), "product_id": "p",
        "principal": rng.choice([0, 0.5, 1000.0, 333.33, 2e11, -5, np.nan], size,
                                p=[0.1, 0.1, 0.35, 0.35, 0.03, 0.03, 0.04]),
        "rate": rng.choice([0, 0.0005, 0.9], size), "rate_unit": rng.choice(["day", "month"], size),
        "disbursed_at": taken, "due_at": taken + term,
    }).astype({"loan_id": object})  # fmt: skip
    loans.loc[rng.random(size) < 0.03, "due_at"] = pd.NaT
    loans["known_at"] = taken + pd.to_timedelta(rng.choice([0, 0, 0, 5], size), "D")
    loans.loc[rng.random(size) < 0.03, "loan_id"] = None
    known, named = loans["known_at"].to_numpy(), loans["loan_id"].to_numpy(object)

    def rows(share: float) -> np.ndarray:
        many = rng.choice([1, 2, 3], size, p=[0.8, 0.1, 0.1])
        return np.repeat(np.arange(size), np.where(rng.random(size) < share, many, 0))

    at = rows(0.8)
    dues = pd.DataFrame({
        "loan_id": named[at], "interest": rng.choice([0, 7], len(at)),
        "principal": rng.choice([100_000, 33_333, 0, 10**14, -1], len(at),
                                p=[0.5, 0.3, 0.1, 0.05, 0.05]),
        "due_at": taken[at] + pd.to_timedelta(rng.choice([-2, 10, 30], len(at)), "D"),
        "known_at": known[at] + pd.to_timedelta(rng.choice([-3, 0, 8], len(at)), "D"),
    })  # fmt: skip
    dues.loc[rng.random(len(at)) < 0.2, "known_at"] = pd.NaT
    at = rows(0.85)
    when = taken[at] + pd.to_timedelta(rng.choice([-1, 0, 10, 30.5, 45], len(at)), "D")
    paid = pd.DataFrame({
        "loan_id": named[at], "at": when,
        "amount": rng.choice([1000.0, 333.33, 900.0, 0.0, -3.0, np.inf, np.nan], len(at),
                             p=[0.4, 0.2, 0.2, 0.05, 0.05, 0.05, 0.05]),
        "principal": rng.choice([1000.0, 333.33, 0.5, 0.0, np.nan], len(at)),
        "penalty": rng.choice([0, 150.0, np.nan], len(at)),
        "known_at": when + pd.to_timedelta(rng.choice([0, 0, 9], len(at)), "D"),
    })  # fmt: skip
    extra = {"loan_id": ["nobody's"], "at": [on(3)], "amount": [1.0]}
    paid = pd.concat([paid, pd.DataFrame(extra)], ignore_index=True)
    return {"merchants": merchants(["m", "n"]), "loans": loans, "repayments": paid,
            "instalments": dues}  # fmt: skip


@pytest.mark.parametrize("without", ["", "instalments", "known_at", "principal", "penalty"])
@pytest.mark.parametrize("seed", range(3))
def test_dues_that_are_found_sooner_are_those_of_the_whole_query(
    seed: int, without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = loans_of_all_kinds(seed)
    tables.pop(without, None)
    if without in ("known_at", "principal", "penalty"):
        held_back = {"repayments"} if without != "known_at" else set(tables)
        tables = {n: t.drop(columns=without, errors="ignore") if n in held_back else t
                  for n, t in tables.items()}  # fmt: skip
    records = ac.read_records(tables)
    held = derive_tables(records, ["loan_dues"])["loan_dues"].to_pandas()
    monkeypatch.setattr(derive, "_MANY", 0)
    monkeypatch.setattr(derive, "_MOST", 1)
    monkeypatch.setattr(derive, "_PLAIN_BYTES", 400_000)
    laid = derive_tables(records.within(Bound(300_000_000, str(tmp_path))), ["loan_dues"])
    plain = pq.read_metadata(laid.sources["loan_dues"].paths[0]).num_rows
    assert plain > (20 if without != "principal" else 3)
    assert len(laid.sources["loan_dues"].paths) >= 3
    columns = list(held.columns)
    found = laid["loan_dues"].to_pandas()[columns].sort_values(columns, ignore_index=True)
    pd.testing.assert_frame_equal(found, held.sort_values(columns, ignore_index=True))
    assert found["days_late"].nunique() > 3


@pytest.mark.parametrize(("many", "most", "files"), [(0, 1, 2), (0, 0.01, 1), (10**9, 1, 1)])
def test_plain_dues_are_found_first_where_they_are_many_and_most(
    many: int, most: float, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = ac.read_records(SAMPLE)
    monkeypatch.setattr(derive, "_MANY", many)
    monkeypatch.setattr(derive, "_MOST", most)
    bound = Bound(600_000_000, str(tmp_path))
    for _ in range(2):  # what is made again overwrites nothing that is being read
        laid = derive_tables(records.within(bound), ["loan_dues"])
        assert len(laid.sources["loan_dues"].paths) == files
    assert len(list(tmp_path.iterdir())) == 2 * files
    held = derive_tables(records, ["loan_dues"])["loan_dues"].to_pandas()
    columns = list(held.columns)
    found = laid["loan_dues"].to_pandas()[columns].sort_values(columns, ignore_index=True)
    pd.testing.assert_frame_equal(found, held.sort_values(columns, ignore_index=True))


def test_memory_that_is_too_small_is_told_as_such(tmp_path: Path) -> None:
    records = ac.read_records(SAMPLE).within(Bound(3_000_000, str(tmp_path)))
    with pytest.raises(RecordError, match="give more memory"):
        derive_tables(records, ["peer_sales"])


@pytest.mark.parametrize(("seed", "least"), [(0, 2), (1, 2), (2, 3), (3, 30)])
def test_sales_of_peers_from_a_day_on_are_the_same_from_there(
    seed: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "LEAST_PEERS", least)
    records = ac.read_records(draw(seed))
    whole = derive_tables(records, ["peer_sales"])["peer_sales"].to_pandas()
    is_short = set()
    for day in (2.5, 95.0, 182.5, 300.0, 600.0):
        as_of, back = on(day), 30
        made = derive_recent(records, {"peer_sales": back * 86_400_000_000}, as_of)
        rows = made["peer_sales"].to_pandas()
        is_short.add(len(rows) < len(whole))
        start = (as_of - pd.Timedelta(back, "D")).date()
        same = [
            each[each["day"] >= start].sort_values(["merchant_id", "day", "seen_day"])
            for each in (rows, whole)
        ]
        pd.testing.assert_frame_equal(
            *(each.reset_index(drop=True) for each in same), check_dtype=False
        )
        cohort = ac.Cohort.at(records, as_of)
        groups = [ask_of_peers(each, cohort) for each in (made, records)]
        named = [asked.frame["merchant_id"].to_numpy()[place] for asked, place in groups]
        assert named[0].tolist() == named[1].tolist()
    assert is_short == {False, True} or least < 30  # else the whole may have to tell of a group


def draw(seed: int) -> dict[str, pd.DataFrame]:
    """Draw sales around the ends of a spell, late ones, and categories that change within a day."""
    rng = np.random.default_rng(seed)
    names = [f"m{k}" for k in range(9)]
    days = rng.choice([0.0, 1.0, 89.0, 90.0, 91.0, 180.0, 181.0, 271.0], 60)
    when = pd.DatetimeIndex([on(day) for day in days + rng.random(60)])
    late = pd.to_timedelta(np.where(rng.random(60) < 0.3, rng.integers(0, 95, 60), 0), "D")
    orders = pd.DataFrame({
        "order_id": [f"o{k}" for k in range(60)], "buyer_id": "b",
        "merchant_id": rng.choice([*names, "nobody"], 60), "created_at": when, "paid_at": when,
        "amount": rng.choice([1.005, 2.0, 30.33, np.nan, -1.0], 60), "known_at": when + late,
    })  # fmt: skip
    told = pd.DatetimeIndex([on(day) for day in rng.choice([0.5, 1.5, 90.5, 91.4], 14)])
    history = pd.DataFrame({
        "merchant_id": rng.choice(names[:5], 14), "field": "category", "event_time": told,
        "value": rng.choice(["a", "b", "*"], 14), "known_at": told,
    }).drop_duplicates(["merchant_id", "event_time"])  # fmt: skip
    frame = merchants(names, [None, "a", "b", "a", "b", "a", None, "*", "b"])
    return {"merchants": frame, "orders": orders, "merchant_history": history}


def category(tables: dict[str, pd.DataFrame], merchant: str, at: pd.Timestamp) -> str | None:
    """Look a merchant's category at a moment up, row by row."""
    own = tables["merchants"][tables["merchants"]["merchant_id"] == merchant]
    first = "known_at" if "known_at" in own else "registered_at"
    if own.empty or own[first].iloc[0] > at:
        return None
    found, history = own["category"].iloc[0], tables["merchant_history"]
    for _, line in history.sort_values("event_time").iterrows():
        if line["merchant_id"] == merchant and line["event_time"] <= at:
            found = line["value"]
    return found


def by_hand(tables: dict[str, pd.DataFrame]) -> set[tuple[object, ...]]:
    """Add up sales of peers and count who sells, one after another."""
    groups: dict[tuple[str, object, object], list[tuple[pd.Timestamp, int]]] = defaultdict(list)
    for _, line in tables["orders"].iterrows():
        if 0 <= line["amount"] <= 1e11:
            seen = max(line["paid_at"], line["known_at"])
            fen = int(np.floor(line["amount"] * 100 + 0.5))
            groups[line["merchant_id"], line["paid_at"].date(), seen.date()].append((seen, fen))
    sold: dict[tuple[str, object, object], int] = defaultdict(int)
    days: dict[tuple[str, str], set[object]] = defaultdict(set)
    for (merchant, day, seen_day), sales in groups.items():
        own = category(tables, merchant, max(seen for seen, _ in sales))
        for group in {"*", "*" if pd.isna(own) else own}:
            sold[group, day, seen_day] += sum(fen for _, fen in sales)
            days[group, merchant].add(seen_day)
    found = set()
    for (group, day, seen_day), amount in sold.items():
        active = sum(
            any(0 <= (day - each).days < ACTIVE_DAYS for each in own)
            or any(
                (after - before).days <= ACTIVE_DAYS and before <= day < after
                for before in own
                for after in own
            )
            for (other, _), own in days.items()
            if other == group
        )
        found.add((group, day, seen_day, amount, active if day == seen_day else None))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_sales_of_peers_are_those_added_up_by_hand(seed: int) -> None:
    tables = draw(seed)
    rows = derive_tables(ac.read_records(tables), ["peer_sales"])["peer_sales"].to_pylist()
    names = ("merchant_id", "day", "seen_day", "amount", "merchants")
    mine = [tuple(row[name] for name in names) for row in rows]
    assert len(set(mine)) == len(mine)
    assert set(mine) == by_hand(tables)


@pytest.mark.parametrize("seed", range(4))
def test_sales_around_the_day_a_merchant_is_known_are_those_added_up_by_hand(seed: int) -> None:
    tables = draw(seed)
    rng, own = np.random.default_rng(seed), tables["merchants"]
    days = rng.choice([0.5, 1.5, 89.5, 91.5, 180.5], len(own))  # as orders, some before, some after
    own["known_at"] = pd.DatetimeIndex([on(day) for day in days])
    own.loc[own["merchant_id"].isin(["m0", "m1"]), "known_at"] = on(-90)
    tables["orders"]["merchant_id"] = rng.choice(own["merchant_id"].to_numpy(), 60)
    told = tables["merchant_history"]
    tables["merchant_history"] = told[told["merchant_id"].isin(["m0", "m1"])]
    rows = derive_tables(ac.read_records(tables), ["peer_sales"])["peer_sales"].to_pylist()
    names = ("merchant_id", "day", "seen_day", "amount", "merchants")
    assert {tuple(row[name] for name in names) for row in rows} == by_hand(tables)


def test_merchants_known_since_the_first_day_there_is_have_their_category() -> None:
    names = [f"m{k}" for k in range(40)]
    frame = pa.Table.from_pandas(merchants(names, ["a"] * 20 + ["b"] * 20))
    first = pa.array([date(1, 1, 1)] * 40, pa.date32())
    frame = frame.set_column(frame.column_names.index("registered_at"), "registered_at", first)
    paid = pd.DataFrame({
        "order_id": names, "merchant_id": names, "buyer_id": "b", "created_at": on(3.5),
        "paid_at": on(3.5), "amount": 2.0,
    })  # fmt: skip
    records = ac.read_records({"merchants": frame, "orders": paid})
    rows = derive_tables(records, ["peer_sales"])["peer_sales"].to_pylist()
    sold = {row["merchant_id"]: row["amount"] for row in rows if row["merchants"]}
    assert sold == {"*": 8000, "a": 4000, "b": 4000}


@pytest.mark.parametrize(
    ("name", "read", "unread"),
    [
        ("loan_spending", "supplier_share", "transfer_share"),
        ("loan_spending", "transfer_share", "supplier_share"),
        ("loan_dues", "days_late", "amount"),
        ("loan_dues", "amount", "principal"),
    ],
)
def test_what_is_not_read_is_left_out_and_the_rest_is_the_same(
    name: str, read: str, unread: str
) -> None:
    records = ac.read_records(SAMPLE, data_use=USE)
    whole = derive_tables(records, [name])[name].to_pandas()
    part = derive_tables(records, [name], columns={name: {read}})[name].to_pandas()
    assert unread not in part
    assert whole[read].notna().sum() > 100
    columns = list(part.columns)
    pd.testing.assert_frame_equal(
        part.sort_values(columns, ignore_index=True),
        whole[columns].sort_values(columns, ignore_index=True),
    )
