"""What a night leaves on disk, what makes all anew, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from feature_stage import bits, make_tables, moved, records_of
from test_features_daily import FEW, cohort_at, names

import alicredit as ac
from alicredit.checks import files
from alicredit.errors import FeatureError, InputError, RecordError
from alicredit.features import (
    DailyFeatures,
    Feature,
    daily,
    read_daily_features,
    update_features,
    write_daily_features,
)

START = pd.Timestamp("2012-10-01 10:00")
DAY = pd.Timedelta(1, "D")
SOME = FEW.subset([f.name for f in FEW if f.table in ("merchants", "loans", "violations")])


@pytest.fixture(scope="module")
def records() -> ac.Records:
    tables = make_tables(11)
    return records_of({name: tables[name] for name in ("merchants", "loans", "violations")})


@pytest.fixture(scope="module")
def first(records: ac.Records) -> DailyFeatures:
    return update_features(None, records, cohort_at(START, names()), catalogue=SOME)


def test_a_night_reads_back_the_same(first: DailyFeatures, tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    write_daily_features(first, path)
    again = read_daily_features(path)
    assert bits(again.frame) == bits(first.frame)
    pd.testing.assert_frame_equal(again.seen, first.seen)
    assert again.merchants.tolist() == names()
    assert (again.made_of, again.reason, again.as_of) == (first.made_of, first.reason, first.as_of)
    count = len(SOME.names)
    assert repr(again) == f"DailyFeatures({count} of 8 merchants, 2012-10-01T10:00:00.000000)"


def test_parts_that_are_no_columns_are_kept_over_night_too(tmp_path: Path) -> None:
    catalogue = ac.CATALOGUE.subset(["sales_year_on_year"])
    hidden = {feature.name for feature in catalogue if feature.is_part and feature.table}
    assert hidden == {"orders_paid_amount_sum_395d", "orders_paid_count_395d"}
    tables = make_tables(12)
    records = records_of({name: tables[name] for name in ("merchants", "orders")})
    moment, path = START + pd.Timedelta(420, "D"), tmp_path / "day.parquet"
    update_features(None, records, cohort_at(moment, names()), catalogue=catalogue, out=path)
    cohort = cohort_at(moment + pd.Timedelta(1, "us"), names())
    found = update_features(path, records, cohort, catalogue=catalogue)
    assert found.work["kept"].sum() > 4
    assert set(found.parts) == hidden
    assert bits(found.frame) == bits(ac.build_features(records, cohort, catalogue=catalogue))


def test_from_a_file_in_place_gives_what_memory_gives(
    records: ac.Records, first: DailyFeatures, tmp_path: Path
) -> None:
    path, cohort = tmp_path / "day.parquet", cohort_at(START + DAY, names())
    write_daily_features(first, path)
    held = update_features(first, records, cohort, catalogue=SOME)
    update_features(path, records, cohort, catalogue=SOME, out=path)
    assert bits(read_daily_features(path).frame) == bits(held.frame)
    assert held.work["kept"].sum() > 0
    assert [each.name for each in tmp_path.iterdir()] == ["day.parquet"]


@pytest.mark.parametrize("moment", ["building", "writing", "renaming"])
def test_killed_half_way_the_night_before_stays_and_the_next_run_ends_the_same(
    moment: str,
    records: ac.Records,
    first: DailyFeatures,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, cohort = tmp_path / "day.parquet", cohort_at(START + DAY, names())
    write_daily_features(first, path)
    whole = path.read_bytes()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "building":
            patch.setattr(daily, "add_composed", die)
        elif moment == "writing":
            patch.setattr(files.os, "fsync", die)
        else:
            patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            update_features(path, records, cohort, catalogue=SOME, out=path)
    assert path.read_bytes() == whole
    update_features(path, records, cohort, catalogue=SOME, out=path)
    aside = tmp_path / "never_killed.parquet"
    update_features(first, records, cohort, catalogue=SOME, out=aside)
    assert path.read_bytes() == aside.read_bytes()


def test_another_catalogue_builds_all_and_says_so(
    records: ac.Records, first: DailyFeatures
) -> None:
    wider = SOME + [Feature(table="loans", aggregate="count", title="t", title_zh="题")]
    cohort = cohort_at(START, names())
    found = update_features(first, records, cohort, catalogue=wider)
    assert found.reason == "the catalogue is another one"
    assert found.work["kept"].sum() == 0
    assert moved(ac.build_features(records, cohort, catalogue=wider), found.frame) == []


def test_a_table_built_whole_is_not_looked_into_and_may_come_back(
    records: ac.Records, first: DailyFeatures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    find = daily.find_changes
    monkeypatch.setattr(
        daily, "find_changes", lambda *given: (looked.append(given[1]), find(*given))[1]
    )
    path, night = tmp_path / "day.parquet", first
    for k, whole in enumerate([("loans",), ("loans", "merchants", "violations"), (), ()]):
        cohort = cohort_at(START + pd.Timedelta(k, "h"), names())
        update_features(night, records, cohort, catalogue=SOME, whole=whole, out=path)
        night = read_daily_features(path)
        assert set(looked) == set(SOME.tables) - set(whole)
        assert moved(ac.build_features(records, cohort, catalogue=SOME), night.frame) == []
        assert night.work["altered"].sum() == 0
        looked.clear()
    assert night.work["kept"].sum() > 0


def test_other_columns_or_software_build_all_and_say_so(
    first: DailyFeatures, records: ac.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {name: records[name].to_pandas() for name in records.tables}
    tables["loans"] = tables["loans"].drop(columns="known_at")
    cohort = cohort_at(START, names())
    found = update_features(first, records_of(tables), cohort, catalogue=SOME)
    assert found.reason == "the tables have other columns"
    monkeypatch.setattr(daily.duckdb, "__version__", "99")
    found = update_features(first, records, cohort, catalogue=SOME)
    assert "another version" in found.reason


def test_a_table_that_is_not_there_gives_nan_both_nights(records: ac.Records) -> None:
    few = records_of({"merchants": records["merchants"]})
    before = update_features(None, few, cohort_at(START, names()), catalogue=SOME)
    after = update_features(before, few, cohort_at(START + DAY, names()), catalogue=SOME)
    loans = [feature.name for feature in SOME if feature.table == "loans"]
    assert after.frame[loans].isna().all(axis=None)
    whole = ac.build_features(few, cohort_at(START + DAY, names()), catalogue=SOME)
    assert moved(whole, after.frame) == []


def test_an_age_beyond_what_days_can_tell_is_built_anew() -> None:
    long_ago = pd.to_datetime(["1913-05-01", "2011-05-01"])
    merchants = pd.DataFrame(
        {"merchant_id": ["m0", "m1"], "platform": "taobao", "registered_at": long_ago}
    )
    records = ac.read_records({"merchants": merchants})
    night = update_features(None, records, cohort_at(START, names(2)), catalogue=SOME)
    for k in range(1, 4):
        cohort = cohort_at(START + k * (DAY + pd.Timedelta(1, "us")), names(2))
        night = update_features(night, records, cohort, catalogue=SOME)
        assert moved(ac.build_features(records, cohort, catalogue=SOME), night.frame) == []
    work = night.work.set_index("table").loc["merchants"]
    assert (work["moved"], work["kept"]) == (1, 1)


def altered_file(path: Path) -> None:
    """Change one value of a written night and keep its note."""
    table = pq.read_table(path)
    values = table.column(1).to_numpy().copy()
    values[0] += 1
    changed = table.set_column(1, table.column_names[1], [values])
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)


def without_note(path: Path) -> None:
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


@pytest.mark.parametrize("damage", [altered_file, without_note, torn, Path.unlink])
def test_a_file_that_is_not_whole_is_refused(
    damage: object, first: DailyFeatures, records: ac.Records, tmp_path: Path
) -> None:
    path = tmp_path / "day.parquet"
    write_daily_features(first, path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(InputError, match="previous must be a whole file of daily features"):
        update_features(path, records, cohort_at(START + DAY, names()), catalogue=SOME)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"previous": 3}, InputError, "previous must be what update_features gave"),
        ({"previous": pd.DataFrame()}, InputError, "previous must be what update_features gave"),
        ({"cohort": cohort_at(START - DAY, names())}, InputError, "must not be of a later moment"),
        ({"cohort": "2013-05-01"}, InputError, "cohort must be a Cohort"),
        ({"cohort": cohort_at(START, ["m1", "m1"])}, InputError, "must ask once of each merchant"),
        ({"catalogue": list(SOME)}, FeatureError, "catalogue must be a Catalogue"),
        ({"records": "data"}, RecordError, "records must be what read_records gives"),
        ({"whole": "loans"}, InputError, "whole must be a list of tables"),
        ({"whole": ["loan"]}, InputError, "whole must be one of .*did you mean 'loans'"),
        ({"memory": "much"}, FeatureError, "memory must be a size"),
        ({"out": "/nowhere/at/all.parquet"}, InputError, "out must be in a folder that exists"),
    ],
)
def test_what_makes_no_sense_is_refused(
    change: dict[str, object],
    error: type[Exception],
    text: str,
    records: ac.Records,
    first: DailyFeatures,
) -> None:
    given = {"previous": first, "records": records, "catalogue": SOME}
    given |= {"cohort": cohort_at(START + 90 * DAY, names()), **change}
    with pytest.raises(error, match=text):
        update_features(**given)  # type: ignore[arg-type]


def test_several_moments_are_refused(records: ac.Records) -> None:
    frame = pd.DataFrame({"merchant_id": names(2), "as_of": [START, START + DAY]})
    with pytest.raises(InputError, match="cohort must ask as of one moment; found 2 moments"):
        update_features(None, records, ac.Cohort.from_frame(frame), catalogue=SOME)


def test_the_note_holds_no_time_of_writing(first: DailyFeatures, tmp_path: Path) -> None:
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path in paths:
        write_daily_features(first, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    note = json.loads(pq.read_schema(paths[0]).metadata[b"alicredit.daily"])
    assert set(note) == {"made_of", "work", "reason", "features", "attrs", "digest"}
    assert np.datetime64(note["made_of"]["as_of"]) == first.as_of
