"""Keys that stand twice, and columns that lack nothing, are told as looking at each row would."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.errors import RecordError
from alicredit.records import findings, merchants_in_error, repeats
from alicredit.records.asking import open_seen
from alicredit.records.bounds import Bound
from alicredit.records.repeats import copied_hashes, full_columns, repeated_hashes, spans_of
from alicredit.records.twins import deal_out, find_twins

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
Tables = dict[str, pd.DataFrame]


def repeated(frame: pd.DataFrame, key: list[str], folder: str | None = None) -> int:
    con = duckdb.connect()
    con.register("given", frame)
    return len(repeated_hashes(con, "given", key, folder))


def test_keys_that_stand_twice_are_counted_once_each() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "a", "c", "a", "b"], "day": [1, 1, 1, 1, 2, 2]})
    assert repeated(frame, ["id"]) == 2
    assert repeated(frame, ["id", "day"]) == 1
    assert repeated(frame, ["day", "id"]) == 1
    assert repeated(frame.iloc[:2], ["id"]) == 0
    assert repeated(frame.iloc[:0], ["id"]) == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["x", "y", None])), max_size=60))
def test_any_keys_are_told_as_counting_tells_them(rows: list[tuple[int, str | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["id", "kind"]).astype({"kind": object})
    counts = frame.groupby(["id", "kind"], dropna=False).size()
    assert repeated(frame, ["id", "kind"]) == int((counts > 1).sum())


def test_what_is_too_much_to_hold_goes_through_files(tmp_path: Path, monkeypatch) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": rng.integers(0, 50_000, 60_000)})
    con = duckdb.connect()
    con.register("given", frame)
    held = repeated_hashes(con, "given", ["id"])
    assert len(held) == int((frame["id"].value_counts() > 1).sum())
    monkeypatch.setattr(repeats, "_HELD", 5_000)
    laid = repeated_hashes(con, "given", ["id"], str(tmp_path))
    assert (laid == held).all()
    copies = copied_hashes(con, "given", ["id"], str(tmp_path))
    assert len(copies) == int(frame["id"].duplicated(keep=False).sum())
    assert (np.unique(copies) == held).all()
    assert not list(tmp_path.iterdir())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9).map(lambda k: k << 60), max_size=90))
def test_numbers_that_stand_twice_are_found_without_sorting_them_all(numbers: list[int]) -> None:
    hashes = np.array(numbers, np.uint64)
    kept = hashes.copy()
    counts = Counter(numbers)
    want = sorted(number for number in numbers if counts[number] > 1)
    assert find_twins(hashes).tolist() == want
    assert (hashes == kept).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40).map(lambda k: k << 11), max_size=90),
    st.integers(1, 500),
)
def test_each_number_is_dealt_once_and_equal_ones_into_one_share(
    numbers: list[int], shares: int
) -> None:
    dealt = [own.tolist() for own in deal_out(np.array(numbers, np.uint64), shares)]
    assert len(dealt) == shares
    assert Counter(n for own in dealt for n in own) == Counter(numbers)
    place = {number: at for at, own in enumerate(dealt) for number in own}
    for at, own in enumerate(dealt):
        assert own == [number for number in numbers if place[number] == at]  # as they came


@pytest.mark.parametrize("shares", [2, 7, 64, 500])
def test_shares_are_about_as_large_and_spread_by_their_first_bits(shares: int) -> None:
    hashes = np.random.default_rng(shares).integers(0, 2**64, 200_000, dtype=np.uint64)
    dealt = deal_out(hashes, shares)
    sizes = np.array([len(own) for own in dealt])
    mean = len(hashes) / shares
    assert (np.abs(sizes - mean) < 6 * np.sqrt(mean) + 0.02 * mean).all()
    upper = [np.count_nonzero(own >> np.uint64(63)) / len(own) for own in dealt]
    assert max(abs(share - 0.5) for share in upper) < 6 * 0.5 / np.sqrt(sizes.min())


@pytest.mark.parametrize("size", [1_000, 300_000])
def test_many_keys_are_told_alike_by_sorting_and_by_places(size: int, monkeypatch) -> None:
    rng = np.random.default_rng(size)
    hashes = rng.integers(0, 2**64, size, dtype=np.uint64)
    hashes[: size // 50] = hashes[size // 50 : size // 50 * 2]
    hashes[-3:] = hashes[-4]
    rng.shuffle(hashes)
    values, counts = np.unique(hashes, return_counts=True)
    for few in (0, 10 * size):
        monkeypatch.setattr(repeats, "_SORTED", few)
        found = repeats._copies([hashes[:500], hashes[500:]])
        assert (found == np.repeat(values, counts * (counts > 1))).all()


def test_no_more_files_are_open_than_allowed(tmp_path: Path, monkeypatch) -> None:
    con = duckdb.connect()
    con.register("given", pd.DataFrame({"id": np.arange(9_000) % 8_500}))
    monkeypatch.setattr(repeats, "_HELD", 10)
    monkeypatch.setattr(repeats, "_FILES", 7)
    seen, deal = [], repeats._deal
    monkeypatch.setattr(
        repeats, "_deal", lambda h, paths: (seen.append(len(paths)), deal(h, paths))
    )
    assert len(repeated_hashes(con, "given", ["id"], str(tmp_path))) == 500
    assert seen == [7]


def written(tmp_path: Path, **columns: pa.Array) -> repeats.Source:
    rows = {"merchant_id": pa.array(["a", "b", "c"]), "platform": pa.array(["taobao"] * 3),
            "registered_at": pa.array([pd.Timestamp("2011-05-01")] * 3)}  # fmt: skip
    place = tmp_path / "merchants"
    place.mkdir(exist_ok=True)
    pq.write_table(pa.table(rows | columns), place / f"{len(list(place.iterdir()))}.parquet")
    return ac.read_records(tmp_path).sources["merchants"]


def test_a_column_is_full_where_every_footer_says_so(tmp_path: Path) -> None:
    source = written(tmp_path, cert_level=pa.array([1, 2, 3]))
    assert full_columns(source) == {"merchant_id", "platform", "registered_at", "cert_level"}
    source = written(tmp_path, cert_level=pa.array([1, None, 3]), platform=pa.array([None] * 3))
    assert full_columns(source) == {"merchant_id", "registered_at"}


def test_reals_files_of_text_and_footers_without_counts_are_never_sure(tmp_path: Path) -> None:
    frame = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
                          "registered_at": pd.to_datetime(["2011-05-01"])})  # fmt: skip
    orders = pd.DataFrame({"order_id": ["o"], "merchant_id": ["m"], "amount": [np.nan],
                           "buyer_id": ["b"], "created_at": frame["registered_at"]})  # fmt: skip
    held = ac.read_records({"merchants": frame, "orders": orders}).sources
    assert full_columns(held["orders"]) == {"order_id", "merchant_id", "buyer_id", "created_at"}
    frame.to_csv(tmp_path / "merchants.csv", index=False)
    assert full_columns(ac.read_records(tmp_path).sources["merchants"]) == frozenset()
    pq.write_table(pa.table(frame), tmp_path / "m.parquet", write_statistics=False)
    untold = ac.read_records({"merchants": str(tmp_path / "m.parquet")}).sources["merchants"]
    assert full_columns(untold) == frozenset()


def test_spans_of_numbers_are_those_of_all_files_where_each_footer_tells(tmp_path: Path) -> None:
    source = written(tmp_path, cert_level=pa.array([1, 2, 3]), rate=pa.array([0.5, np.nan, -0.0]))
    assert spans_of(source) == {"cert_level": (1, 3)}
    source = written(tmp_path, cert_level=pa.array([-7, None, 2]), rate=pa.array([0.5, 1.0, None]))
    assert spans_of(source) == {"cert_level": (-7, 3)}
    source = written(tmp_path, cert_level=pa.array([None] * 3, pa.int64()))
    assert "cert_level" not in spans_of(source)
    assert spans_of(replace(source, paths=(*source.paths, str(tmp_path / "gone")))) == {}
    held = ac.read_records({"merchants": pq.read_table(source.paths[0])}).sources["merchants"]
    assert spans_of(held) == {}


@pytest.mark.parametrize("has_footers", [True, False])
@pytest.mark.parametrize(
    ("table", "column", "worst", "is_told"),
    [
        ("orders", "amount", -0.01, True), ("orders", "amount", 0.0, False),
        ("orders", "amount", 1e12, True), ("orders", "amount", np.nan, True),
        ("merchants", "cert_level", -1, True), ("merchants", "cert_level", 0, False),
    ],
)  # fmt: skip
def test_a_value_beyond_bounds_is_told_whether_or_not_footers_do(
    tables, tmp_path: Path, table: str, column: str, worst: float, *, is_told: bool,
    has_footers: bool,
) -> None:  # fmt: skip
    for name, frame in tables.items():
        written = pa.Table.from_pandas(frame, preserve_index=False)
        if name == table:
            values = frame[column].tolist()
            values[7] = worst  # no number stays what it is: it is not missing
            kind = pa.float64() if isinstance(worst, float) else pa.int64()
            place = written.schema.get_field_index(column)
            written = written.set_column(place, column, pa.array(values, kind, from_pandas=False))
        pq.write_table(written, tmp_path / f"{name}.parquet", write_statistics=has_footers)
    records = ac.read_records(tmp_path)
    found = merchants_in_error(records, as_of="2015-01-01")
    want = [(tables[table]["merchant_id"][7], table)] if is_told else []
    assert list(found[["merchant_id", "table"]].itertuples(index=False, name=None)) == want
    rules = {f"{column} impossible", f"{column} missing"} if np.isnan(worst) else None
    assert set(found["rule"]) <= (rules or {f"{column} impossible"})


@pytest.fixture(scope="module")
def tables() -> Tables:
    names = ("merchants", "orders", "refunds", "ratings", "loans", "repayments", "instalments",
             "traffic_daily")  # fmt: skip
    found = {name: pd.read_parquet(SAMPLE / f"{name}.parquet") for name in names}
    few = set(found["merchants"]["merchant_id"].iloc[:40])
    own = {n: t[t["merchant_id"].isin(few)] if "merchant_id" in t else t for n, t in found.items()}
    for name, parent in (("refunds", "order"), ("ratings", "order"), ("repayments", "loan"),
                         ("instalments", "loan")):  # fmt: skip
        key = f"{parent}_id"
        own[name] = own[name][own[name][key].isin(own[f"{parent}s"][key])]
    return {name: table.reset_index(drop=True) for name, table in own.items()}


def hurt(tables: Tables, seed: int) -> Tables:
    """Repeat rows, take values away, and make some impossible, here and there."""
    rng, found = np.random.default_rng(seed), {}
    for name, table in tables.items():
        frame = table.copy()
        if len(frame) and rng.random() < 0.5:
            frame = pd.concat([frame, frame.sample(2, random_state=seed)], ignore_index=True)
        for column in frame.columns:
            if rng.random() < 0.25 and column not in ("merchant_id", "platform"):
                at = rng.integers(0, len(frame), 2)
                is_real = frame[column].dtype.kind == "f"
                frame.loc[at, column] = -5.0 if is_real and rng.random() < 0.5 else None
        found[name] = frame
    return found


def looked_up(records: ac.Records, moment: pd.Timestamp | None) -> list[tuple[str, str]]:
    """Put every question to every row: no footer, no hash, no row without its parent."""
    con = open_seen(records, moment)
    checks = findings._checks(records, moment)
    return sorted(
        (check.table, check.rule)
        for check in checks
        if con.execute(f"SELECT count(*) FROM ({check.sql})").fetchall()[0][0]
    )


@pytest.mark.parametrize("seed", range(4))
def test_faults_are_those_that_every_row_tells(tables, tmp_path: Path, seed: int) -> None:
    for name, frame in hurt(tables, seed).items():
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
    records = ac.read_records(tmp_path)
    for moment in (None, pd.Timestamp("2012-09-01")):
        found = ac.find_problems(records, as_of=moment)
        listed = found[~found["rule"].isin(["stale feed"])]
        pairs = sorted(zip(listed["table"], listed["rule"], strict=True))
        assert pairs == looked_up(records, moment)
    assert len(merchants_in_error(records, as_of="2013-05-01"))


PAID_BADLY = {
    "clean": [("l", 5, 60.0), ("l", 9, 40.0)],
    "too much": [("l", 5, 60.0), ("l", 9, 40.01)],
    "too early": [("l", -1, 60.0)],
    "too much, some of it later": [("l", 5, 60.0), ("l", 40, 41.0)],
    "too early and of nobody": [("nobody's", -1, 600.0)],
    "too much but for what is negative": [("l", 5, 160.0), ("l", 9, -70.0)],
}


@pytest.mark.parametrize("kind", PAID_BADLY)
@pytest.mark.parametrize("twice", [False, True])
def test_payments_that_cannot_be_are_told_whatever_is_asked_first(kind: str, twice: bool) -> None:
    day, start = pd.Timedelta(1, "D"), pd.Timestamp("2013-01-01")
    loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": "m", "product_id": "p", "rate": 0.0,
                          "principal": 100.0, "disbursed_at": start,
                          "due_at": start + 30 * day})  # fmt: skip
    paid = pd.DataFrame(PAID_BADLY[kind], columns=["loan_id", "day", "principal"])
    paid = paid.assign(at=start + pd.to_timedelta(paid.pop("day"), "D"), amount=paid["principal"])
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": "taobao", "registered_at": start})
    records = ac.read_records({"merchants": merchants, "repayments": paid,
                               "loans": pd.concat([loans] * (1 + twice))})  # fmt: skip
    for moment in (None, start + 20 * day):
        listed = ac.find_problems(records, as_of=moment)
        listed = listed[listed["rule"] != "stale feed"]
        pairs = sorted(zip(listed["table"], listed["rule"], strict=True))
        assert pairs == looked_up(records, moment)
        rules = {rule for table, rule in pairs if table == "repayments"}
        much = {"too much", "too much, some of it later"} if moment is None else {"too much"}
        if not twice:
            assert ("more principal repaid than lent" in rules) == (kind in much)
            assert ("repayment before disbursement" in rules) == (kind == "too early")


def test_repeated_keys_name_their_merchants_however_many_there_are(tables, monkeypatch) -> None:
    orders = tables["orders"]
    twice = pd.concat([orders, orders.iloc[[3, 3, 9]]], ignore_index=True)
    records = ac.read_records(tables | {"orders": twice})
    few = merchants_in_error(records, as_of="2015-01-01")
    assert set(few["merchant_id"]) == set(orders["merchant_id"].iloc[[3, 9]])
    monkeypatch.setattr("alicredit.records.asking._FEW_HASHES", 1)
    pd.testing.assert_frame_equal(merchants_in_error(records, as_of="2015-01-01"), few)


def test_faults_are_looked_for_in_the_tables_that_are_named(tables) -> None:
    traffic = tables["traffic_daily"].assign(uv=-1)
    records = ac.read_records(tables | {"traffic_daily": traffic})
    every = merchants_in_error(records, as_of="2015-01-01")
    assert set(every["table"]) == {"traffic_daily"}
    for names in ({"orders"}, {"ratings", "repayments"}, {"no_such_table"}, ()):
        assert merchants_in_error(records, as_of="2015-01-01", tables=names).empty
    some = merchants_in_error(records, as_of="2015-01-01", tables=["traffic_daily", "orders"])
    pd.testing.assert_frame_equal(some, every)


def test_records_within_a_bound_say_the_same_and_stop_where_it_is_too_small(
    tables, tmp_path: Path
) -> None:
    records = ac.read_records(tables)
    bound = records.within(Bound(200_000_000, str(tmp_path)))
    assert bound["orders"].equals(records["orders"])
    con = bound.connect(["orders"])
    (told,) = con.execute(
        "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    ).fetchall()
    assert told == ("190.7 MiB", str(tmp_path))
    con.close()
    tight = records.within(Bound(1_000, str(tmp_path)))
    with pytest.raises(RecordError):
        merchants_in_error(tight, as_of="2013-05-01")
