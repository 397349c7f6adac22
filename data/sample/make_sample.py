"""Make the sample again: ``python data/sample/make_sample.py`` (the same bytes each time)."""

from __future__ import annotations

from pathlib import Path

import alicredit as ac

SEED = 20130501
FOLDER = Path(__file__).resolve().parent

if __name__ == "__main__":
    records, _ = ac.simulate_platform(900, seed=SEED, orders_per_month=2, default_rate=0.18)
    ac.write_records(records, FOLDER)
