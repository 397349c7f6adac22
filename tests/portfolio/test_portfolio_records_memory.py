"""A run from raw records keeps within its stated memory, however many merchants there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.deciding import population
from alicredit.nightly import job
from alicredit.nightly.folder import SPILLED, WORK
from alicredit.portfolio import Run

AS_OF = "2013-05-01"
FEW = (
    "orders_paid_count_90d", "orders_paid_amount_sum_90d", "orders_paid_buyer_id_distinct_180d",
    "ratings_dsr_mean_180d", "loan_dues_open_days_since_first", "sales_over_season_30_180",
)  # fmt: skip
TABLES = ("merchants", "orders", "refunds", "ratings", "loans", "instalments", "repayments")
OWN = ("merchant_id", "order_id", "loan_id", "id", "buyer_id")
BUDGET_GB = 1.0

_PEAK = """
import sys
from pathlib import Path
import alicredit as ac
from alicredit.portfolio import Run
records, model = ac.read_records(sys.argv[1]), ac.load_model(sys.argv[2])
ac.score_portfolio(records, model, as_of="2013-05-01", out=Run(sys.argv[3], memory_gb=1.0))
told = Path("/proc/self/status").read_text().split("VmHWM:")[1]
print(int(told.split()[0]) / 1e6)
"""


def labelled(records: ac.Records) -> tuple[pd.DataFrame, pd.Series, ac.Cohort]:
    """Give features and labels of loans whose fate is known."""
    cohort = ac.Cohort.of_loans(records)
    labels = ac.label_defaults(records, cohort)
    known = labels.notna().to_numpy()
    y = labels[known].reset_index(drop=True)
    y.attrs = labels.attrs
    few = ac.CATALOGUE.subset(FEW)
    return ac.build_features(records, cohort[known], catalogue=few), y, cohort[known]


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Path:
    """Write a small platform, and a model learned on its loans."""
    place = tmp_path_factory.mktemp("one")
    records, _ = ac.simulate_platform(
        250, seed=3, start="2011-01-01", months=29, orders_per_month=12, default_rate=0.2
    )
    kept = ac.read_records({name: records[name] for name in TABLES})
    ac.write_records(kept, place / "records")
    X, y, cohort = labelled(kept)
    ac.DefaultModel("points").fit(X, y, cohort=cohort).save(place / "m.alicredit")
    return place


def repeat(one: Path, place: Path, times: int) -> None:
    """Write a platform so often beside itself."""
    place.mkdir()
    con = duckdb.connect()
    for source in (one / "records").glob("*.parquet"):
        names = [row[0] for row in con.execute(f"DESCRIBE FROM '{source}'").fetchall()]
        told = ", ".join(f"{n} || '-' || c AS {n}" for n in names if n in OWN)
        con.execute(
            f"COPY (SELECT * EXCLUDE (c) REPLACE ({told}) FROM range({times}) r(c), '{source}')"
            f" TO '{place / source.name}' (FORMAT parquet)"
        )
    con.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory on Linux alone")
def test_memory_from_records_stays_within_what_is_stated(one, tmp_path) -> None:
    repeat(one, tmp_path / "in", 100)
    places = (tmp_path / "in", one / "m.alicredit", tmp_path / "out")
    command = [sys.executable, "-c", _PEAK, *map(str, places)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(told.stdout.split()[-1]) < BUDGET_GB


def test_a_survey_may_take_the_memory_that_frames_take_later(one, tmp_path, monkeypatch) -> None:
    """Records are read in fewer parts while nothing else is held; after it within the rest."""
    held: list[tuple[str, int]] = []
    survey, gather = job.gatherer_of, population.Gatherer.gather

    def surveyed(records, models, as_of):
        held.append(("survey", records.bound.memory_bytes))
        return survey(records, models, as_of)

    def gathered(self, start, stop, **more):
        held.extend(("gather", each.bound.memory_bytes) for each in (self.records, self.whole))
        return gather(self, start, stop, **more)

    monkeypatch.setattr(job, "gatherer_of", surveyed)
    monkeypatch.setattr(population.Gatherer, "gather", gathered)
    run = Run(tmp_path / "out", memory_gb=1.5)
    records, model = ac.read_records(one / "records"), ac.load_model(one / "m.alicredit")
    ac.score_portfolio(records, model, as_of=AS_OF, out=run)
    assert held == [("survey", run.survey_bytes), *[("gather", run.reading_bytes)] * 2]
    assert run.reading_bytes < run.survey_bytes < 1e9 * run.memory_gb * 2 / 3


def test_what_is_beyond_the_memory_goes_when_a_run_ends_or_is_started_over(
    one, tmp_path, monkeypatch
) -> None:
    from alicredit.deciding.population import Gatherer

    records, model = ac.read_records(one / "records"), ac.load_model(one / "m.alicredit")
    out, seen = tmp_path / "out", []

    def gather(self, start, stop, **options):
        place = out / WORK / SPILLED
        seen.extend(sorted(path.name for path in place.iterdir()))
        assert self.whole.bound.folder == str(place)
        (place / "left").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Gatherer, "gather", gather)
        with pytest.raises(KeyboardInterrupt):
            ac.score_portfolio(records, model, as_of=AS_OF, out=out)
    assert {name.split("-")[0] for name in seen} >= {"loan_dues", "peer_sales"}
    assert not (out / WORK / SPILLED).exists()
    (out / WORK / SPILLED).mkdir(parents=True)
    (out / WORK / SPILLED / "of a run that was killed").touch()
    ac.score_portfolio(records, model, as_of=AS_OF, out=Run(out, resume=False))
    assert not (out / WORK).exists()
    want = ac.score_portfolio(records, model, as_of=AS_OF)
    found = pd.concat(map(pd.read_parquet, sorted(out.glob("part-*.parquet"))))
    assert len(found) == len(want)
    assert np.array_equal(found["pd"].to_numpy(), want["pd"].to_numpy(), equal_nan=True)
