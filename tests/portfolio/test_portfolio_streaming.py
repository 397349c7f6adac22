"""A stream gives what a frame gives: whatever the chunks, the files, or the kind of input."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_stage import decider
from nightly_stage import AS_OF, content, make_people

import alicredit as ac
from alicredit.decision import COLUMNS
from alicredit.errors import AlicreditError, InputError
from alicredit.nightly.digests import digest_files
from alicredit.nightly.sources import open_source
from alicredit.policy import load_policy
from alicredit.portable import survey
from alicredit.portable.survey import judge, tally
from alicredit.portfolio import Run


@pytest.fixture(scope="module")
def model() -> ac.DefaultModel:
    return decider()


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return make_people(300)


@pytest.fixture(scope="module")
def decisions(people, model) -> pd.DataFrame:
    return ac.score_portfolio(None, model, as_of=AS_OF, features=people)


def decide(features, model, out: Path, *, chunk_rows=None, policy="ali-2013", **options):
    run = Run(out, part_merchants=options.pop("part_merchants", 64), **options)
    return ac.score_portfolio(
        None, model, as_of=AS_OF, features=features, out=run, chunk_rows=chunk_rows, policy=policy
    )


def read(out: Path) -> pd.DataFrame:
    parts = [pd.read_parquet(path) for path in sorted(out.glob("part-*.parquet"))]
    return pd.concat(parts, ignore_index=True)


def assert_same(found: pd.DataFrame, want: pd.DataFrame) -> None:
    assert tuple(found.columns) == COLUMNS
    for name in COLUMNS:
        mine, other = found[name], want[name]
        if name == "reasons":
            assert mine.map(list).tolist() == other.map(list).tolist()
        else:
            missing = mine.isna()
            assert missing.tolist() == other.isna().tolist(), name
            assert mine[~missing].tolist() == other[~missing].tolist(), name


@pytest.mark.parametrize("groups", [7, 64, 1000])
def test_a_file_gives_what_its_frame_gives(people, model, decisions, tmp_path, groups) -> None:
    people.to_parquet(tmp_path / "x.parquet", index=False, row_group_size=groups)
    decide(tmp_path / "x.parquet", model, tmp_path / "out")
    assert_same(read(tmp_path / "out"), decisions)
    whole = ac.score_portfolio(None, model, as_of=AS_OF, features=tmp_path / "x.parquet")
    assert_same(whole, decisions)
    decide(people, model, tmp_path / "frame")
    assert_same(read(tmp_path / "frame"), decisions)


@pytest.fixture(scope="module")
def at_once(people, model, tmp_path_factory) -> dict[str, bytes]:
    """Decide on one file as it stands."""
    place = tmp_path_factory.mktemp("at_once")
    people.to_parquet(place / "x.parquet", index=False)
    decide(place / "x.parquet", model, place / "one")
    one = content(place / "one")
    one.pop("manifest.json")  # the inputs' names stand in their digest
    return one


@settings(max_examples=5, deadline=None)
@given(chunk=st.integers(1, 400), cuts=st.lists(st.integers(0, 300), max_size=4), part=st.just(64))
def test_neither_chunks_nor_files_change_a_byte(
    people, model, at_once, tmp_path_factory, chunk: int, cuts: list[int], part: int
) -> None:
    place = tmp_path_factory.mktemp("cuts")
    (place / "in").mkdir()
    edges = [0, *sorted(cuts), 300]
    for at, (low, high) in enumerate(itertools.pairwise(edges)):
        people.iloc[low:high].to_parquet(place / "in" / f"{at}.parquet", index=False)
    decide(place / "in", model, place / "many", chunk_rows=chunk, memory_gb=1.5)
    many = content(place / "many")
    many.pop("manifest.json")
    assert many == at_once


def test_texts_numbers_and_flags_stored_otherwise_are_the_same_answers(
    people, model, decisions, tmp_path
) -> None:
    table = pa.Table.from_pandas(people, preserve_index=False)
    for name in ("region", "platform", "merchant_id"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, table.column(name).dictionary_encode())
    at = table.column_names.index("membership")
    table = table.set_column(at, "membership", table.column(at).cast(pa.large_string()))
    pq.write_table(table, tmp_path / "x.parquet")
    decide(tmp_path / "x.parquet", model, tmp_path / "out")
    assert_same(read(tmp_path / "out"), decisions)


def test_numbered_merchants_keep_every_digit_of_their_number(people, model, tmp_path) -> None:
    ids = [2**53 + 1 + k for k in range(300)]
    column = pa.array([None, *ids[1:]], pa.int64())
    table = pa.Table.from_pandas(people, preserve_index=False).set_column(0, "merchant_id", column)
    pq.write_table(table, tmp_path / "x.parquet")
    decide(tmp_path / "x.parquet", model, tmp_path / "out")
    found = read(tmp_path / "out")
    assert found["merchant_id"].tolist()[3::3] == [str(each) for each in ids[1:]]
    assert set(found["status"][:3]) == {"bad_value"}


def test_who_stands_twice_is_found_wherever_he_stands(people, model, tmp_path) -> None:
    order = np.random.default_rng(3).permutation(300)
    mixed = people.iloc[order].reset_index(drop=True)
    mixed.loc[[5, 290], "merchant_id"] = "m00002"
    want = ac.score_portfolio(None, model, as_of=AS_OF, features=mixed)
    mixed.to_parquet(tmp_path / "x.parquet", index=False)
    decide(tmp_path / "x.parquet", model, tmp_path / "out", chunk_rows=10)
    assert_same(read(tmp_path / "out"), want)
    assert (want["status"] == "duplicated").sum() >= 9


FAULTS = {
    "gone": {"sales": np.nan},
    "unit": {"debt": 1000.0},
    "another unit": {"sales": 1 / 1000},
    "type": {"noise": "text"},
    "category": {"region": 3},
}


@pytest.mark.parametrize("chunk", [3, 64, 1000])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_whole_column_is_judged_as_on_the_frame(
    people, model, tmp_path, fault: str, chunk: int
) -> None:
    ((name, by),) = FAULTS[fault].items()
    is_factor = isinstance(by, float) and not np.isnan(by)
    wrong = people.assign(**{name: people[name] * by if is_factor else by})
    with pytest.raises(InputError, match=f"column '{name}' must") as whole:
        ac.score_portfolio(None, model, as_of=AS_OF, features=wrong)
    wrong.to_parquet(tmp_path / "x.parquet", index=False)
    with pytest.raises(InputError) as stream:
        decide(tmp_path / "x.parquet", model, tmp_path / "out", chunk_rows=chunk)
    assert str(stream.value).split("; found")[0] == str(whole.value).split("; found")[0]
    assert not list((tmp_path / "out").glob("part-*"))


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(1e-6, 1e6), st.sampled_from([0.0, -1.0, np.nan, np.inf])),
        min_size=50, max_size=120,
    ),
    scale=st.sampled_from([1e-3, 0.02, 1.0, 50.0, 1e3]),
    cut=st.integers(1, 119),
)  # fmt: skip
def test_counts_of_parts_reach_the_verdict_of_the_median(model, values, scale, cut) -> None:
    table = next(t for t in model.portable_.tables if t.name == "debt")
    column = pd.Series(np.array(values) * scale * table.median)
    known = column[np.isfinite(column)].to_numpy()
    is_off = False
    if len(known) >= 50 and np.median(known) > 0:
        here = np.median(known)
        is_off = max(here / table.median, table.median / here) >= 50
    parts = tally(table, column.iloc[:cut]) + tally(table, column.iloc[cut:])
    assert parts == tally(table, column)
    if parts.missing == parts.rows:
        return
    if not is_off:
        judge([table], {"debt": parts}, lambda name: [column[cut:], column[:cut]])
        return
    with pytest.raises(InputError, match="column 'debt' must be in the unit of training"):
        judge([table], {"debt": parts}, lambda name: [column[cut:], column[:cut]])


def test_a_median_by_zero_in_an_input_of_both_signs_tells_no_unit(model) -> None:
    table = next(t for t in model.portable_.tables if t.name == "debt")
    middle = replace(table, low=-4.0, high=4.0, median=0.005)
    assert survey.has_unit(table)
    assert survey.has_unit(replace(middle, median=1.0))
    assert survey.has_unit(replace(table, low=-1e-3 * table.median))  # money, a little below 0
    assert not survey.has_unit(middle)
    rng = np.random.default_rng(1)
    medians = np.abs([np.median(rng.normal(size=4_000)) for _ in range(400)])
    assert (medians / 0.005 < 1 / 50).any()  # two samples of one input, 50 times apart by chance
    column = pd.Series(rng.normal(size=4_000) * 1e-4)
    judge([middle], {"debt": tally(middle, column)}, lambda name: [column])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_the_median_by_counting_is_the_median(model, values: list[float], cut: int) -> None:
    table = next(t for t in model.portable_.tables if t.name == "debt")
    column = pd.Series([np.nan, *values, np.inf])
    ranked = sorted(values)
    want = (ranked[(len(values) - 1) // 2] + ranked[len(values) // 2]) / 2
    found = survey._median(table, len(values), lambda name: [column[:cut], column[cut:]])
    assert found == want or (np.isinf(want) and np.isinf(found))


def test_columns_that_bear_on_nothing_are_not_read(people, model, tmp_path, monkeypatch) -> None:
    people.to_parquet(tmp_path / "x.parquet", index=False)
    asked: list[set[str]] = []
    real = pq.ParquetFile.iter_batches

    def spy(self, **options):
        asked.append(set(options["columns"]))
        return real(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    decide(tmp_path / "x.parquet", model, tmp_path / "out")
    read_ = set().union(*asked)
    assert "unused" not in read_
    assert read_ >= {*model.feature_names} | (set(load_policy("ali-2013").required_columns) & read_)
    assert len(people.columns) - len(read_) == 1


def test_a_change_anywhere_is_another_digest(people, tmp_path) -> None:
    path = tmp_path / "x.parquet"
    seen = set()
    for at in range(6):
        changed = people.copy()
        changed.loc[at * 50, "noise"] += at and 1e-9
        changed.to_parquet(path, index=False)
        seen.add(digest_files((path,), path))
        seen.add(open_source(changed).digest())
    assert len(seen) == 12


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"memory_gb": 0}, "memory_gb must"), ({"memory_gb": "2"}, "memory_gb must"),
        ({"memory_gb": float("nan")}, "memory_gb must"), ({"part_merchants": 0}, "part_merchants"),
        ({"part_merchants": 2.5}, "part_merchants must"), ({"resume": 1}, "resume must"),
        ({"resume": None}, "resume must"), ({"folder": 3}, "out must"),
        ({"folder": ""}, "out must"),
        ({"rows_at_a_time": 0}, "rows_at_a_time must"),
    ],
    ids=str,
)  # fmt: skip
def test_a_run_that_means_nothing_is_refused(options, word: str) -> None:
    with pytest.raises(AlicreditError, match=word):
        Run(**{"folder": "x"} | options)


@pytest.mark.parametrize("kind", ["empty folder", "text", "other columns", "folder of none"])
def test_what_is_no_features_is_refused(people, model, tmp_path, kind: str) -> None:
    place = tmp_path / "in"
    place.mkdir()
    if kind == "text":
        (place / "x.parquet").write_text("merchant_id,debt")
    if kind == "other columns":
        people.to_parquet(place / "a.parquet")
        people.drop(columns="noise").to_parquet(place / "b.parquet")
    if kind == "folder of none":
        (place / "_x.parquet").write_text("left out")
    with pytest.raises(InputError, match="features must"):
        decide(place, model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


FEW = (
    "orders_paid_count_90d", "orders_paid_amount_sum_90d", "merchants_days_since",
    "refunds_count_90d", "merchants_cert_level_last",
)  # fmt: skip


@pytest.fixture(scope="module")
def platform():
    records, _ = ac.simulate_platform(
        100, seed=3, start="2011-07-01", months=30, orders_per_month=2, default_rate=0.3
    )
    tables = {name: records[name].to_pandas() for name in records.tables if name != "bank_txns"}
    tables["orders"].loc[[40, 400], "amount"] = -1.0
    records = ac.read_records(tables)
    few = ac.CATALOGUE.subset(FEW)
    cohort = ac.Cohort.of_loans(records)
    labels = ac.label_defaults(records, cohort)
    known = labels.notna().to_numpy()
    y = labels[known].reset_index(drop=True)
    y.attrs = labels.attrs
    X = ac.build_features(records, cohort[known], catalogue=few)
    return records, ac.DefaultModel("points").fit(X, y, cohort=cohort[known])


def test_records_in_parts_give_what_they_give_at_once(platform, tmp_path) -> None:
    records, model = platform
    want = ac.score_portfolio(records, model, as_of=AS_OF)
    done: list[tuple[int, int]] = []
    run = Run(tmp_path / "parts", part_merchants=30)
    ac.score_portfolio(
        records, model, as_of=AS_OF, out=run, progress=lambda *pair: done.append(pair)
    )
    assert_same(read(tmp_path / "parts"), want)
    assert (want["status"] == "bad_records").any()
    assert done[-1] == (len(want) // 3, len(want) // 3)
    assert sorted(p.name for p in (tmp_path / "parts").iterdir() if p.name[0] == ".") == []
    poison = [pd.read_parquet(path) for path in (tmp_path / "parts" / "quarantine").iterdir()]
    named = set(pd.concat(poison)["merchant_id"])
    assert named == set(want.loc[want["status"] == "bad_records", "merchant_id"])
    ac.write_records(records, tmp_path / "records")
    again = Run(tmp_path / "files", part_merchants=30, rows_at_a_time=11)
    ac.score_portfolio(ac.read_records(tmp_path / "records"), model, as_of=AS_OF, out=again)
    files, parts = content(tmp_path / "files"), content(tmp_path / "parts")
    files.pop("manifest.json"), parts.pop("manifest.json")
    assert files == parts


def test_records_gathered_by_a_run_that_was_stopped_are_not_gathered_again(
    platform, tmp_path, monkeypatch
) -> None:
    from alicredit.deciding.population import Gatherer

    records, model = platform
    starts, real = [], Gatherer.gather

    def gather(self, start, stop, **options):
        starts.append(start)
        if len(starts) == 3:
            raise KeyboardInterrupt
        return real(self, start, stop, **options)

    monkeypatch.setattr(Gatherer, "gather", gather)
    run = Run(tmp_path / "out", part_merchants=30, rows_at_a_time=30)
    with pytest.raises(KeyboardInterrupt):
        ac.score_portfolio(records, model, as_of=AS_OF, out=run)
    ac.score_portfolio(records, model, as_of=AS_OF, out=run)
    assert starts[:4] == [0, 30, 60, 60]
    assert len(set(starts)) == len(starts) - 1
    starts[:] = [-1] * 3  # whole from here on: records are read once for as many parts as fit
    ac.score_portfolio(records, model, as_of=AS_OF, out=Run(tmp_path / "at", part_merchants=30))
    assert starts[3:] == [0]
    assert content(tmp_path / "out") == content(tmp_path / "at")


_PEAK = """
import sys
from pathlib import Path
import alicredit as ac
from alicredit.portfolio import Run
model = ac.load_model(sys.argv[1])
ac.score_portfolio(None, model, as_of="2013-05-01", features=sys.argv[2], out=Run(sys.argv[3],
                   memory_gb=1.0, part_merchants=5000))
told = Path("/proc/self/status").read_text().split("VmHWM:")[1]
print(int(told.split()[0]) // 1024)
"""
# Its own high water: what getrusage tells begins with that of the process it was started from.


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory on Linux alone")
def test_memory_does_not_grow_with_the_input(model, tmp_path) -> None:
    model.save(tmp_path / "m.alicredit")
    peaks = []
    for copies in (1, 8):
        place = tmp_path / f"in{copies}"
        place.mkdir()
        for at in range(copies):
            part = make_people(10_000, seed=at).assign(noise2=1.0)
            part["merchant_id"] = [f"m{at:02d}-{k:05d}" for k in range(len(part))]
            part.to_parquet(place / f"{at:03d}.parquet", index=False)
        command = [sys.executable, "-c", _PEAK, str(tmp_path / "m.alicredit"), str(place),
                   str(tmp_path / f"out{copies}")]  # fmt: skip
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(told.stdout))
    assert peaks[1] < 1.15 * peaks[0] + 20
    assert peaks[1] < 1000
