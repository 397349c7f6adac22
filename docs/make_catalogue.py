"""Write catalogue.md: every built-in feature, and what its sign was on a simulated platform.

Run by ``make catalogue``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import alicredit as ac
from alicredit.evaluation import measure_signs

HERE = Path(__file__).resolve().parent
HEAD = """# The catalogue of features

Each built-in feature: what it reads, what it means in English and Chinese, its unit, the sign that
is expected of it (+ more is riskier, - more is safer, and whether the model obeys it), the evidence
(A a study of default, B lenders' practice or an adjacent study, J judgement), its reason code, and
the least number of facts it needs. `CATALOGUE.describe()` gives the same as a frame.

The last columns hold the expected sign against the loans of a simulated platform of 20,000
merchants, whose default rate was raised to 5 % on purpose, one loan a merchant and month: the area
under the ROC curve of the feature alone, with its 95 % interval by merchant (above 0.5: more goes
with default), what it says of the expected sign, and in how many half-years it lay on the same
side. A sign found here shows that the feature is computed as meant, not that it holds for real
merchants; one that is open or against is for a lender's own data to decide, which
`alicredit.evaluation.measure_signs` asks. A column that the simulator does not make gives no data.
"""
SIGNS = {-1: "-", 0: "", 1: "+"}


def measured() -> pd.DataFrame:
    """Hold every feature against the labels of a simulated platform."""
    records, _ = ac.simulate_platform(20_000, seed=7, orders_per_month=4, default_rate=0.05)
    cohort = ac.Cohort.of_loans(records)
    month = cohort.frame["as_of"].dt.to_period("M")
    first = ~cohort.frame.assign(month=month).duplicated(["merchant_id", "month"])
    cohort = cohort[first.to_numpy()]
    X = ac.build_features(records, cohort)
    y = ac.label_defaults(records, cohort)
    return measure_signs(X, y, ac.CATALOGUE.expected, cohort=cohort).set_index("feature")


def lines(found: pd.DataFrame) -> Iterator[str]:
    """Write the page line by line, one table of features for each table of records."""
    yield HEAD
    told = found["verdict"].value_counts()
    known = ", ".join(f"{told.get(word, 0)} {word}" for word in ("as expected", "against", "open"))
    yield f"Of {len(ac.CATALOGUE.names)} features: {known}.\n"
    frame = ac.CATALOGUE.describe().set_index("name")
    frame["main"] = [names.split(", ")[0] for names in frame["tables"]]
    for table in dict.fromkeys(frame["main"]):
        yield f"## {table}\n"
        yield (
            "| feature | meaning | 含义 | unit | sign | evidence | code | least | reads "
            "| AUC | sign found | half-years |"
        )
        yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
        for name, row in frame[frame["main"] == table].iterrows():
            yield line(str(name), row, found.loc[name])
        yield ""


def line(name: str, row: pd.Series, seen: pd.Series) -> str:
    """Write one feature."""
    sign = SIGNS[row["expected"]] + (" obeyed" if row["direction"] else "")
    area = "" if seen["verdict"] == "no data" else "{auc:.2f} ({low:.2f}-{high:.2f})".format(**seen)
    steady = f"{seen['periods_same_side']}/{seen['periods']}" if seen["periods"] else ""
    cells = (
        f"`{name}`", row["title"], row["title_zh"], row["unit"], sign, row["evidence"],
        row["code"], row["min_support"], row["tables"], area, seen["verdict"], steady,
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    text = "\n".join(lines(measured()))
    (HERE / "catalogue.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(ac.CATALOGUE.names)} features\n")


if __name__ == "__main__":
    main()
