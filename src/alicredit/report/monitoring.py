"""The page of monitoring: what is off, how loans season and roll, who is warned; nobody named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.checks import nearest, refuse, require_columns, require_kind
from alicredit.pages import (
    Cell,
    Head,
    Part,
    both,
    count,
    draw,
    figure,
    lay_out,
    level,
    meaning,
    number,
    percent,
    share,
    small,
    words,
    write_page,
)
from alicredit.vocabulary import WARNING_ACTIONS, WARNING_LEVELS, WARNINGS, Word

_BESIDE = ("vintages", "roll_rates", "warnings")
_ORDER = {"red": 0, "amber": 1, "unknown": 2, "green": 3}
Tables = Mapping[str, pd.DataFrame]


def write_monitoring_page(
    report: Any,
    path: str | Path,
    *,
    title: str = "Monitoring of a default model",
    beside: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write monitoring as one self-contained page that names no merchant.

    Parameters
    ----------
    report : MonitoringReport
        From ``monitor``.
    path : str or Path
        The file to write.
    title : str, default "Monitoring of a default model"
        Heading.
    beside : mapping of str to pandas.DataFrame, or None, default None
        What else was watched: ``vintages`` (from ``vintages``), ``roll_rates`` (from ``roll_rates``
        with ``pooled=True``), ``warnings`` (from ``early_warnings``; counted, not listed).

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed, or the file cannot be written.
    InputError
        If a frame beside has an unknown name, or is none.

    Examples
    --------
    >>> write_monitoring_page(None, "page.html", beside={"rolls": pd.DataFrame()})
    Traceback (most recent call last):
    alicredit.errors.InputError: beside must name vintages, roll_rates, warnings; found 'rolls'. ...
    """
    given: Mapping[str, pd.DataFrame] = {} if beside is None else beside
    for name, frame in given.items():
        if name not in _BESIDE:
            refuse("beside", f"must name {', '.join(_BESIDE)}", repr(name), nearest(name, _BESIDE))
        require_kind(f"beside[{name!r}]", frame, pd.DataFrame, "must be a frame")
    tables, facts = {**report.tables, **given}, report.facts
    makers = (_checks, _population, _drift, _claims, _migration, _feeds, _vintages, _rolls,
              _warnings)  # fmt: skip
    parts = tuple(part for make in makers for part in make(tables))
    scored = f"{facts['rows_scored']:,} of {facts['rows']:,} rows scored"
    lead = f"{scored}; the model claims default within {facts['claim']}."
    write_page(path, title, lead, parts, f"Model {facts['model_id']}.", title_zh="模型监控")


def _checks(tables: Tables) -> tuple[Part, ...]:
    """Show what each check found, the worst first."""
    found = tables["summary"]
    counts = found["level"].value_counts()
    figures = (
        (count(counts.get("red", 0)), "red 红灯"),
        (count(counts.get("amber", 0)), "amber 黄灯"),
        (count(counts.get("unknown", 0)), "cannot tell 无法判断"),
        (count(counts.get("green", 0)), "green 绿灯"),
    )
    shown = found.sort_values("level", key=lambda x: x.map(_ORDER), kind="stable")
    note = "What is amber or red comes first, with what to do."
    return (
        Part(
            "What was found", note, "检查结果", figures, (lay_out(shown, _CHECKS, is_prose=True),)
        ),
    )


def _population(tables: Tables) -> tuple[Part, ...]:
    """Show shifts of scores by period."""
    if "population" not in tables:
        return ()
    from alicredit.plots import plot_stability

    frame = tables["population"]
    chart = draw(plot_stability, frame, "Scores of each period against the reference.",
                 "各时期分数分布相对参照的变化。")  # fmt: skip
    note = (
        "The critical value is what chance exceeds, with so many merchants. A check is amber only "
        "where the shift is for certain more than the rules tolerate."
    )
    return (Part("Population", note, "客群稳定性", tables=(lay_out(frame, _POPULATION),),
                 charts=(chart,)),)  # fmt: skip


def _drift(tables: Tables) -> tuple[Part, ...]:
    """Show the features that moved."""
    if "drift" not in tables or tables["drift"].empty:
        return ()
    from alicredit.plots import plot_drift

    frame = tables["drift"].sort_values("psi", ascending=False, kind="stable")
    chart = draw(plot_drift, frame, "The features that moved most.", "漂移最大的特征。", most=15)
    note = "Shift of each input of the model, its missing values, and what it did to the score."
    return (Part("Features", note, "特征漂移", tables=(lay_out(frame, _DRIFT),),
                 charts=(chart,)),)  # fmt: skip


def _claims(tables: Tables) -> tuple[Part, ...]:
    """Show claims against outcomes."""
    if "grades" not in tables:
        return ()
    from alicredit.plots import plot_realised, plot_realised_over_time

    frame = tables["grades"]
    total = frame[(frame["grade"] == "all") & (frame["rows"] > 0)]
    charts = []
    if len(total):
        charts.append(draw(plot_realised_over_time, total, "Periods.", "各时期。", is_half=True))
        period = "all" if (total["period"] == "all").any() else str(total["period"].iloc[-1])
        mine = frame[(frame["period"] == period) & (frame["rows"] > 0)]
        if (mine["grade"] != "all").any():
            charts.append(
                draw(
                    plot_realised,
                    mine,
                    f"Grades, {period}.",
                    "各等级。",
                    is_half=True,
                    period=period,
                )
            )
    held = (
        lay_out(frame[frame["rows"] > 0], _GRADES, group="period", caption="By grade"),
        lay_out(tables["periods"], _PERIODS, caption="Shape and ranking"),
    )
    note = "Claims against what happened, where it is known; lights are the binomial chance's."
    return (Part("Claims and outcomes", note, "预测与实际", tables=held, charts=tuple(charts)),)


def _migration(tables: Tables) -> tuple[Part, ...]:
    """Show moves between grades."""
    if "matrix" not in tables:
        return ()
    moved = tables["matrix"]
    held = (
        lay_out(tables["moves"], _plain(tables["moves"])),
        lay_out(moved[moved.iloc[:, 2] > 0], _plain(moved), caption="From grade to grade"),
        lay_out(tables["concentration"], _plain(tables["concentration"]), caption="Concentration"),
    )
    note = "Merchants in both populations, each at its latest row."
    return (Part("Migration between grades", note, "等级迁移", tables=held),)


def _feeds(tables: Tables) -> tuple[Part, ...]:
    """Show tables that fell silent."""
    if "feeds" not in tables:
        return ()
    table = lay_out(tables["feeds"], _plain(tables["feeds"]))
    return (Part("Feeds", "Whether each table still arrives.", "数据更新", tables=(table,)),)


def _vintages(tables: Tables) -> tuple[Part, ...]:
    """Show how loans season."""
    if "vintages" not in tables:
        return ()
    from alicredit.plots import plot_vintages

    frame = tables["vintages"]
    chart = draw(plot_vintages, frame, "Share gone bad by months on book.", "各账龄变坏比例。")
    last = frame[frame["rate"].notna()].sort_values(["vintage", "months_on_book"], kind="stable")
    last = last.drop_duplicates("vintage", keep="last")
    last = last.assign(vintage=last["vintage"].map("{:%Y-%m}".format))
    note = "Each vintage at ages that all its loans have reached; the table has its latest."
    return (Part("Vintages", note, "账龄表现", tables=(lay_out(last, _VINTAGES),),
                 charts=(chart,)),)  # fmt: skip


def _rolls(tables: Tables) -> tuple[Part, ...]:
    """Show how arrears roll."""
    if "roll_rates" not in tables:
        return ()
    from alicredit.plots import plot_roll_rates

    frame = tables["roll_rates"]
    chart = draw(plot_roll_rates, frame, "Shares of loans, from look to look.", "各逾期段迁徙率。")
    shown = frame[frame["loans"] > 0]
    shown = shown.assign(before=shown["before"].astype(str), after=shown["after"].astype(str))
    note = "Where the loans of each bucket of days past due were at the next look."
    return (Part("Roll rates", note, "迁徙率", tables=(lay_out(shown, _ROLLS),),
                 charts=(chart,)),)  # fmt: skip


def _warnings(tables: Tables) -> tuple[Part, ...]:
    """Count early warnings by level and by rule; no merchant is listed."""
    if "warnings" not in tables:
        return ()
    frame = tables["warnings"]
    require_columns("warnings", map(str, frame.columns), ("level", "action", "fired"))
    levels = _counted(frame["level"], WARNING_LEVELS)
    actions = _counted(frame["action"], WARNING_ACTIONS)
    fired = _counted(frame["fired"].explode().dropna(), WARNINGS)
    held = (
        lay_out(levels, (meaning("level", "code"), number("loans and looks", "rows", count))),
        lay_out(actions, (meaning("what to do", "code"), number("loans and looks", "rows", count))),
        lay_out(fired, (meaning("sign", "code"), number("fired", "rows", count)),
                caption="Signs that fired"),
    )  # fmt: skip
    note = "Loans that are out, at each look. Who is warned stands in the frame, not here."
    return (Part("Early warnings", note, "预警", tables=held),)


def _counted(codes: pd.Series, known: Mapping[str, Word]) -> pd.DataFrame:
    """Count codes, most first, with what they mean."""
    counts = codes.astype(str).value_counts().rename_axis("code").rename("rows").reset_index()
    counts = counts.sort_values(["rows", "code"], ascending=[False, True], ignore_index=True)
    told = [known.get(code, Word(code, code.replace("_", " "), "", "")) for code in counts["code"]]
    return counts.assign(text=[w.text for w in told], text_zh=[w.text_zh for w in told])


def _plain(frame: pd.DataFrame) -> tuple[Any, ...]:
    """Make a column of each of a frame's, numbers as numbers."""
    return tuple(
        number(_head(name), name, percent if name == "share" else figure)
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype != bool
        else _day(_head(name), name)
        if pd.api.types.is_datetime64_any_dtype(frame[name])
        else words(_head(name), name)
        for name in frame.columns
    )


def _head(name: Any) -> str:
    """Give a column's heading."""
    text = str(name).replace("_", " ")
    return {"hhi": "Herfindahl", "p value": "p-value"}.get(text, text)


def _day(text: str, name: str) -> Any:
    """Make a column of days."""
    return Head(text), lambda row: Cell(
        "–" if pd.isna(row[name]) else f"{row[name]:%Y\u2011%m\u2011%d}"
    )


_CHECKS = (
    level("level", "level"), words("period", "period"),
    both("what was found", "message", "message_zh"),
    (Head("what to do"), lambda row: Cell(str(row["action"]), str(row["action_zh"]))),
)  # fmt: skip
_BEYOND = Head("beyond chance"), lambda row: Cell("yes" if row["is_shifted"] else "no")
_POPULATION = (
    words("period", "period"), number("rows", "rows", count), number("PSI", "psi", small),
    number("critical", "critical", small), number("p-value", "p_value", small),
    _BEYOND,
)  # fmt: skip
_DRIFT = (
    words("feature", "feature"), number("PSI", "psi", small),
    number("critical", "critical", small), number("missing then", "reference_missing", percent),
    number("missing now", "missing", percent), number("points", "points_change", small),
    _BEYOND,
)  # fmt: skip
_GRADES = (
    words("grade", "grade"), number("rows", "rows", count),
    number("defaults", "defaults", count), number("claimed", "mean_pd", percent),
    number("observed", "rate", percent), number("90 % from", "low", percent),
    number("to", "high", percent), number("p-value", "jeffreys_p", small), level("light", "light"),
)  # fmt: skip
_PERIODS = (
    words("period", "period"), number("rows", "rows", count),
    number("defaults", "defaults", count), number("Hosmer-Lemeshow p", "shape_p", small),
    number("Spiegelhalter p", "spiegelhalter_p", small), number("AUC", "auc", small),
    number("95 % from", "auc_low", small), number("to", "auc_high", small),
)  # fmt: skip
_VINTAGES = (
    words("lent in", "vintage"), number("months on book", "months_on_book", count),
    number("loans", "loans", count), number("gone bad", "bad_loans", count),
    number("rate", "rate", percent), number("95 % from", "rate_low", percent),
    number("to", "rate_high", percent), number("of amount", "rate_of_amount", percent),
)  # fmt: skip
_ROLLS = (
    words("before", "before"), words("after", "after"), number("loans", "loans", count),
    share("share of loans", "rate"), share("share of balances", "rate_of_balance"),
)  # fmt: skip
