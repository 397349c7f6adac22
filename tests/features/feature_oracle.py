"""What each feature means, written once more in plain pandas, fact by fact."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from derived_oracle import derived_facts
from feature_stage import Tables, seen

from alicredit.derived import DERIVED, TABLES
from alicredit.features import Catalogue, Feature

HOUR = 3600.0


def hours(start: str, end: str) -> Callable[[pd.DataFrame], pd.Series]:
    def between(facts: pd.DataFrame) -> pd.Series:
        span = (facts[end] - facts[start]).dt.total_seconds() / HOUR
        return span.where(span >= 0)

    return between


YES, NO = ("true", "t", "yes", "1"), ("false", "f", "no", "0")


def same_digits(yuan: float) -> float:
    """Count the figures of an amount, the zeros at the end aside, where they are all one."""
    figures = list(str(round(yuan * 100)).rstrip("0"))
    return float(len(figures)) if yuan >= 1 and len(set(figures)) == 1 else 0.0


MEASURES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "ship_hours": hours("paid_at", "shipped_at"),
    "confirm_hours": hours("shipped_at", "confirmed_at"),
    "resolve_hours": hours("opened_at", "resolved_at"),
    "dsr": lambda f: (f["dsr_desc"] + f["dsr_service"] + f["dsr_ship"]) / 3,
    "value_usd": lambda f: f["fob_usd"].fillna(f["cif_usd"]),
    "month": lambda f: f["declared_at"].map(lambda at: f"{at.year} {at.month}"),
    "is_real_name": lambda f: f["real_name_verified"].map({True: 1.0, False: 0.0}).astype(float),
    "is_licensed": lambda f: (
        f["business_licence_verified"].map({True: 1.0, False: 0.0}).astype(float)
    ),
    "is_paying": lambda f: (
        f["membership" if "membership" in f else "value"]
        .map({"paying": 1.0, "ordinary": 0.0})
        .astype(float)
    ),
    "is_true": lambda f: (
        f["value"].str.lower().map(dict.fromkeys(YES, 1.0) | dict.fromkeys(NO, 0.0)).astype(float)
    ),
    "fen_over_hundreds": lambda f: f["amount"].map(
        lambda yuan: round(yuan * 100) % 10_000 if yuan >= 1 else math.nan
    ),
    "same_digits": lambda f: f["amount"].map(same_digits),
    "value_number": lambda f: pd.to_numeric(f["value"], errors="coerce"),
    "inflow": lambda f: f["amount"].clip(lower=0),
    "outflow": lambda f: (-f["amount"]).clip(lower=0),
    "days_late": lambda f: (f["paid_at"].dt.normalize() - f["due_at"].dt.normalize()).dt.days.clip(
        lower=0
    ),
    "term_days": lambda f: (f["due_at"].dt.normalize() - f["disbursed_at"].dt.normalize()).dt.days,
}

TESTS: dict[str, Callable[[pd.Series, object], pd.Series]] = {
    "==": lambda s, v: s == v,
    "!=": lambda s, v: s != v,
    "in": lambda s, v: s.isin(v),
    "<": lambda s, v: s < v,
    "<=": lambda s, v: s <= v,
    ">": lambda s, v: s > v,
    ">=": lambda s, v: s >= v,
    "set": lambda s, v: s.notna(),
    "missing": lambda s, v: s.isna(),
}


def column(facts: pd.DataFrame, name: str) -> pd.Series:
    """Give a column or measure of the facts; a code stays itself, all numbers are floats."""
    made = facts[name] if name in facts else MEASURES[name](facts)
    return made.astype("float64") if pd.api.types.is_numeric_dtype(made) else made


def met(facts: pd.DataFrame, conditions: tuple[tuple[str, str, object], ...]) -> pd.Series:
    """Tell which facts meet all conditions; a blank meets none but ``missing``."""
    answer = pd.Series(True, index=facts.index)
    for name, operator, value in conditions:
        read = column(facts, name)
        held = TESTS[operator](read, value).fillna(False).astype(bool)
        answer &= held if operator in ("missing", "set") else held & read.notna()
    return answer


def inside(feature: Feature, facts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Keep the facts of the window that meet the filter, oldest first."""
    facts = facts.assign(_time=facts[feature.time or "_happened"])
    start, end = span(feature, as_of)
    facts = facts[(facts["_time"] >= start) & (facts["_time"] < end)]
    facts = facts[met(facts, feature.where)]
    key = list(TABLES[feature.table].key)
    return facts.sort_values(["_time", *key], key=lambda s: s if s.name == "_time" else s.map(str))


def span(feature: Feature, as_of: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Give the first moment of the window and the first one after it."""
    if feature.ahead_days is not None:
        return as_of, as_of + pd.Timedelta(days=feature.ahead_days)
    if feature.window_days is not None:
        return as_of - pd.Timedelta(days=feature.window_days), as_of
    if feature.window_hours is not None:
        return as_of - pd.Timedelta(hours=feature.window_hours), as_of
    return pd.Timestamp.min, as_of


def keys(feature: Feature, facts: pd.DataFrame) -> pd.DataFrame:
    """Count and weigh each key of a window."""
    weight = column(facts, feature.weight) if feature.weight else pd.Series(1.0, facts.index)
    table = pd.DataFrame({"key": column(facts, feature.measure), "w": weight})
    table = table.dropna(subset=["key"])
    return table.groupby("key").agg(n=("w", "size"), w=("w", "sum"))


def weeks(feature: Feature, facts: pd.DataFrame, as_of: pd.Timestamp) -> np.ndarray:
    """Sum the measure over each week of the window, the oldest first."""
    start = as_of - pd.Timedelta(feature.window_days, "D")
    number = ((facts["_time"] - start) // pd.Timedelta(7, "D")).astype(int)
    sums = column(facts, feature.measure).groupby(number).sum()
    return sums.reindex(range(feature.window_days // 7), fill_value=0.0).to_numpy()


def over_weeks(aggregate: str, sums: np.ndarray) -> float:
    mean = sums.mean()
    if aggregate == "empty_share":
        return float((sums == 0).mean())
    if aggregate == "slope":
        return float(np.polyfit(np.arange(len(sums)), np.sign(sums) * np.log1p(abs(sums)), 1)[0])
    if not mean > 0:
        return math.nan
    if aggregate == "cv":
        return float(sums.std(ddof=1) / mean)
    return float(np.sqrt((np.minimum(sums - mean, 0) ** 2).mean()) / mean)


def over_keys(aggregate: str, table: pd.DataFrame) -> float:
    share = table["w"] / table["w"].sum() if table["w"].sum() else table["w"] * math.nan
    return {
        "repeat_share": lambda: (table["n"] > 1).mean(),
        "top_share": share.max,
        "top5_share": lambda: share.nlargest(5).sum(min_count=1),
        "hhi": lambda: (share**2).sum(min_count=1),
        "entropy": lambda: -(share[share > 0] * np.log(share[share > 0])).sum(min_count=1),
    }[aggregate]()


def event_value(feature: Feature, facts: pd.DataFrame, as_of: pd.Timestamp) -> float:
    """Work out a feature of one question from the facts of its merchant that it may see."""
    facts, kind = inside(feature, facts, as_of), feature.aggregate
    if kind == "count":
        return len(facts)
    if kind == "active_days":
        return facts["_time"].dt.normalize().nunique()
    values = column(facts, feature.measure).dropna() if feature.measure else facts["_time"]
    if kind in ("sum", "distinct"):
        return values.sum() if kind == "sum" else values.nunique()
    if len(values if kind not in ("slope", "cv", "empty_share", "downside") else facts) < max(
        feature.min_support, 2 if kind == "std" else 1
    ):
        return math.nan
    if kind in ("slope", "cv", "empty_share", "downside"):
        return over_weeks(kind, weeks(feature, facts, as_of))
    if kind in ("repeat_share", "top_share", "top5_share", "hhi", "entropy"):
        return over_keys(kind, keys(feature, facts))
    return {
        "mean": values.mean,
        "std": lambda: values.std(ddof=1),
        "min": values.min,
        "max": values.max,
        "first": lambda: values.iloc[0],
        "last": lambda: values.iloc[-1],
        "median": values.median,
        "p10": lambda: values.quantile(0.1),
        "p90": lambda: values.quantile(0.9),
        "share": lambda: met(facts, feature.hit).mean(),
        "days_since": lambda: (as_of - values.max()).total_seconds() / 86_400,
        "days_since_first": lambda: (as_of - values.min()).total_seconds() / 86_400,
    }[kind]()


def derived_value(feature: Feature, row: dict[str, float]) -> float:
    """Work out a feature of other features."""
    parts = [row[name] for name in feature.of]
    a, b = parts[0] * feature.factor, parts[1] if len(parts) > 1 else 0.0
    if feature.support and not row[feature.support] >= feature.min_support:
        return math.nan
    if feature.aggregate == "coalesce":
        return b if math.isnan(a) else a
    if feature.aggregate == "log1p":
        return math.log1p(max(a, 0)) if not math.isnan(a) else a
    if feature.aggregate == "larger":
        return float(np.fmax(a, b))
    if any(math.isnan(part) for part in parts):
        return math.nan
    return float(of_known(feature, a, b, parts))


def of_known(feature: Feature, a: float, b: float, parts: list[float]) -> float:
    """Work out a feature of other features that are all known."""
    log = math.log((a + 1) / (b + 1)) if a > -1 and b > -1 else math.nan
    prior_weight = feature.factor
    return {
        "gap": lambda: abs(log),
        "log_ratio": lambda: log,
        "overstatement": lambda: 0.0 if a <= b else log,
        "ratio": lambda: a / b if b else math.nan,
        "difference": lambda: a - b,
        "utilisation": lambda: a / max(b, 1),
        "normalised": lambda: max((a - 1 / b) / (1 - 1 / b), 0) if b > 1 else math.nan,
        "shrunk": lambda: (parts[0] + prior_weight * parts[-1]) / (b + prior_weight),
    }[feature.aggregate]()


def expected(catalogue: Catalogue, tables: Tables, moments: pd.Series) -> pd.DataFrame:
    """Work out every feature of every question."""
    written = [name for name in catalogue.tables if name not in DERIVED]
    views = {name: seen(tables, name, moments) for name in written}
    rows = []
    for merchant, as_of in moments.items():
        mine = {name: view[view["_merchant"] == merchant] for name, view in views.items()}
        made = [name for name in catalogue.tables if name in DERIVED]
        mine |= {name: derived_facts(name, tables, merchant, as_of) for name in made}
        row: dict[str, float] = {}
        for feature in catalogue:
            if feature.of:
                row[feature.name] = derived_value(feature, row)
            else:
                row[feature.name] = float(event_value(feature, mine[feature.table], as_of))
        rows.append(row)
    return pd.DataFrame(rows)
