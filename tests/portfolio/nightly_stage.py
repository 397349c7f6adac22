"""A small night's work for the tests of the run into a folder, also as a process of its own.

``python nightly_stage.py MODEL FEATURES OUT [BYTES]`` decides; with BYTES no file may be larger.
``python nightly_stage.py MODEL FEATURES`` decides for each line of its input, which names a folder,
in a process forked for it: it writes the number of the process and, once it has ended, how.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd

AS_OF = "2013-05-01"
PART = 40
COUNT = 480


def make_people(size: int = COUNT, seed: int = 8) -> pd.DataFrame:
    """Draw merchants of every fate, some of them poison."""
    rng = np.random.default_rng(seed)
    money = rng.lognormal(10, 1.5, size).round(2)
    sales = np.where(rng.random(size) < 0.1, np.nan, rng.lognormal(4.0, 1.0, size))
    frame = pd.DataFrame({
        "merchant_id": [f"m{k:05d}" for k in range(size)],
        "debt": rng.gamma(2.0, 0.5, size), "sales": sales,
        "is_new": rng.random(size) < 0.3,
        "region": rng.choice(["north", "south", "west", "islet"], size),
        "noise": rng.normal(size=size),
        "platform": rng.choice(["alibaba_b2b", "taobao", "tmall"], size),
        "membership": rng.choice(["ordinary", "paying"], size),
        "registered_at": pd.Timestamp("2013-04-01")
        - pd.to_timedelta(rng.integers(0, 1500, size), unit="D"),
        "shop_opened_at": pd.Timestamp("2013-04-01")
        - pd.to_timedelta(rng.integers(0, 400, size), unit="D"),
        "blacklisted": rng.random(size) < 0.05,
        "days_past_due": np.where(rng.random(size) < 0.1, 3.0, 0.0),
        "positive_rating_share": np.where(rng.random(size) < 0.1, np.nan, 0.98),
        "violation_points_365d": 0.0, "monthly_sales_median_180d": money,
        "order_base": (money * rng.random(size)).round(2),
        "outstanding": np.where(rng.random(size) < 0.3, (money / 2).round(2), 0.0),
        "unused": "x" * 50,
    })  # fmt: skip
    frame.loc[size // 3 :: 97, "debt"] = np.inf
    frame.loc[size - 1, "merchant_id"] = frame["merchant_id"][2]
    return frame


def content(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def main(model: str, features: str, out: str, largest: str = "") -> None:
    """Decide, in parts of forty."""
    import alicredit as ac
    from alicredit.portfolio import Run

    if largest:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    run = Run(out, part_merchants=PART)
    ac.score_portfolio(None, ac.load_model(model), as_of=AS_OF, features=features, out=run)


def serve(model: str, features: str) -> None:
    """Decide in a forked process for each folder that is asked for."""
    import duckdb  # noqa: F401 - what a run loads is loaded once, before it forks
    import pyarrow.parquet  # noqa: F401

    import alicredit as ac
    from alicredit.portfolio import Run  # noqa: F401

    ac.score_portfolio, ac.load_model(model)
    for line in sys.stdin:
        process = os.fork()
        if not process:
            main(model, features, line.strip())
            os._exit(0)
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitpid(process, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    (serve if len(sys.argv) == 3 else main)(*sys.argv[1:])
