"""The columns of a validation's tables: what each is called, and how its figures are written."""

from __future__ import annotations

from alicredit.pages import (
    Cell,
    Head,
    count,
    figure,
    level,
    meaning,
    number,
    percent,
    points,
    share,
    small,
    words,
)
from alicredit.report.summary import written

RELIABILITY = (
    number("tenth", "bin", count), number("rows", "rows", count),
    number("merchants", "merchants", count), number("defaults", "defaults", count),
    number("claimed", "mean_pd", percent), number("observed", "rate", percent),
    number("90 % from", "low", percent), number("to", "high", percent),
    number("p-value", "jeffreys_p", small),
)  # fmt: skip
TESTS = (
    words("test", "test"), number("statistic", "statistic", small),
    number("p-value", "p_value", small), level("level", "light"), words("what it says", "note"),
)  # fmt: skip
GRADES = (
    words("grade", "grade"), number("rows", "rows", count),
    number("counted as", "effective_rows", count), number("defaults", "defaults", count),
    number("claimed", "mean_pd", percent), number("observed", "rate", percent),
    number("90 % from", "low", percent), number("to", "high", percent),
    number("p-value", "jeffreys_p", small), number("prudent", "pd_pluto_tasche", percent),
    number("Jeffreys", "pd_jeffreys", percent),
)  # fmt: skip
STABILITY = (
    (Head("month"), lambda row: Cell(str(row["month"]).replace("-", "\u2011"))),
    number("rows", "rows", count), number("defaults", "defaults", count),
    number("claimed", "mean_pd", percent), number("observed", "rate", percent),
    number("90 % from", "low", percent), number("to", "high", percent),
    number("PSI", "psi", small), number("critical", "critical", small),
)  # fmt: skip
POPULATION = (
    words("of", "of"), number("rows trained on", "reference_rows", count),
    number("rows now", "rows", count), number("PSI", "psi", small),
    number("critical", "critical", small), number("p-value", "p_value", small),
    level("level", "light"),
)  # fmt: skip
MOVES = (
    words("figure", "metric"), number("value", "value", figure), words("what it is", "note"),
)  # fmt: skip
MATRIX = (
    words("before", "before"), words("after", "after"), number("merchants", "merchants", count),
    share("share", "share"), number("z", "monotone_z", small),
)  # fmt: skip
REASONS = (
    meaning("reason 理由", "code"), number("rows", "rows", count), number("first", "first", count),
)  # fmt: skip
POINTS = (
    words("values", "step"), number("points", "points", points), number("share", "share", percent),
    number("default rate", "default_rate", percent),
)  # fmt: skip
CHALLENGER = (
    words("which", "of"), words("shape", "shape"), number("rows", "rows", count),
    number("AUC", "auc", small), number("95 % from", "auc_low", small),
    number("to", "auc_high", small), number("log loss", "log_loss", small),
    number("Brier", "brier", small), number("gap", "log_loss_gap", "{:.4f}".format),
    number("gap from", "gap_low", "{:.4f}".format), number("to", "gap_high", "{:.4f}".format),
)  # fmt: skip
SHAPES = (
    words("shape", "shape"), number("log loss", "log_loss", "{:.4f}".format),
    number("gap to the best", "difference", "{:.4f}".format),
    number("standard error", "se", "{:.4f}".format), number("AUC", "auc", small),
    number("tables", "tables", count), number("pairs", "pairs", count),
    number("leaves", "leaves", count),
    (Head("taken"), lambda row: Cell("taken" if row["chosen"] else "")),
)  # fmt: skip
FAIRNESS = (
    words("group", "group"), number("rows", "rows", count),
    number("merchants", "merchants", count), number("value", "value", small),
    number("95 % from", "low", small), number("to", "high", small),
    number("ratio", "ratio", small), number("from", "ratio_low", small),
    number("to", "ratio_high", small), number("p-value", "p_adjusted", small),
    words("finding", "finding"),
)  # fmt: skip
SUMMARY = (
    (Head("figure"), lambda row: Cell(row["metric"], zh="", code=row["note"])),
    *(
        (
            Head(text, numeric=True),
            lambda row, name=name: Cell(written(row["metric"], row[name]) or "–"),
        )
        for text, name in (("value", "value"), ("95 % from", "low"), ("to", "high"))
    ),
)
