"""What one would write instead: the same window features on DuckDB, Polars and pandas.

Whole days before as_of, five windows; counts and sums over nothing are 0, the rest is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WINDOWS = (7, 30, 90, 180, 365)
KINDS = (
    "count", "sum", "mean", "std", "max", "share", "days", "buyers", "top", "hhi", "repeat",
)  # fmt: skip


def scan(orders: str, cohort: str, sample: int) -> None:  # noqa: ARG001 - as its peers
    """Read the five columns and do next to nothing with them."""
    import duckdb

    duckdb.sql(
        "SELECT sum(amount), bit_xor(merchant_id), bit_xor(buyer_id), max(created_at), "
        f"count(*) FILTER (is_virtual_goods) FROM read_parquet('{orders}')"
    ).fetchall()


def by_duckdb(orders: str, cohort: str, sample: int) -> Any:
    """Aggregate by buyer, by day and over all, each once, with one condition a window."""
    import duckdb

    def over(template: str) -> str:
        return ", ".join(template.format(w=w) for w in WINDOWS)

    con = duckdb.connect()
    con.execute(
        "CREATE TEMP TABLE asked AS SELECT row_number() OVER () AS row, merchant_id, as_of FROM "
        f"read_parquet('{cohort}') WHERE merchant_id % {sample} = 0"
    )
    con.execute(
        "CREATE TEMP VIEW pair AS SELECT row, buyer_id, amount, is_virtual_goods AS flag, "
        "CAST(created_at AS DATE) AS day, as_of, date_diff('day', CAST(created_at AS DATE), "
        f"CAST(as_of AS DATE)) AS age FROM read_parquet('{orders}') o JOIN asked a "
        "USING (merchant_id) WHERE created_at < as_of AND created_at >= as_of - INTERVAL 365 DAY"
    )
    con.execute(
        "CREATE TEMP TABLE buyer AS SELECT row, "
        + over(
            "count(*) FILTER (c_{w} > 0) AS buyers_{w}, max(s_{w}) AS top_{w}, "
            "sum(s_{w} * s_{w}) AS hhi_{w}, count(*) FILTER (c_{w} > 1) AS repeat_{w}, "
            "sum(c_{w}) AS count_{w}, sum(s_{w}) AS sum_{w}, sum(q_{w}) AS square_{w}, "
            "max(m_{w}) AS max_{w}, sum(f_{w}) AS flag_{w}"
        )
        + " FROM (SELECT row, buyer_id, "
        + over(
            "count(*) FILTER (age <= {w}) AS c_{w}, sum(amount) FILTER (age <= {w}) AS s_{w}, "
            "sum(amount * amount) FILTER (age <= {w}) AS q_{w}, max(amount) FILTER (age <= {w}) "
            "AS m_{w}, count(*) FILTER (age <= {w} AND flag) AS f_{w}"
        )
        + " FROM pair GROUP BY row, buyer_id) GROUP BY row"
    )
    con.execute(
        "CREATE TEMP TABLE days AS SELECT row, min(age) AS recency, "
        + over("count(*) FILTER (age <= {w}) AS days_{w}")
        + ", "
        + ", ".join(f"coalesce(sum(s) FILTER (age > {30 * k} AND age <= {30 * k + 30}), 0) AS k{k}"
                    for k in range(12))
        + " FROM (SELECT row, age, sum(amount) AS s FROM pair GROUP BY row, age) GROUP BY row"
    )  # fmt: skip
    columns = over(
        "coalesce(count_{w}, 0) AS count_{w}, coalesce(sum_{w}, 0) AS sum_{w}, "
        "sum_{w} / count_{w} AS mean_{w}, CASE WHEN count_{w} > 1 THEN sqrt(greatest((square_{w} "
        "- sum_{w} * sum_{w} / count_{w}) / (count_{w} - 1), 0)) END AS std_{w}, max_{w}, "
        "flag_{w} / count_{w} AS share_{w}, coalesce(days_{w}, 0) AS days_{w}, "
        "coalesce(buyers_{w}, 0) AS buyers_{w}, top_{w} / sum_{w} AS top_{w}, "
        "hhi_{w} / (sum_{w} * sum_{w}) AS hhi_{w}, repeat_{w} / buyers_{w} AS repeat_{w}"
    )
    mean = "((" + " + ".join(f"k{k}" for k in range(12)) + ") / 12)"
    squares = " + ".join(f"(k{k} - {mean}) * (k{k} - {mean})" for k in range(12))
    return con.execute(
        f"SELECT merchant_id, as_of, {columns}, recency, CASE WHEN {mean} > 0 THEN "
        f"sqrt(({squares}) / 11) / {mean} END AS cv FROM asked LEFT JOIN buyer USING (row) "
        "LEFT JOIN days USING (row) ORDER BY row"
    ).df()


def by_asof(orders: str, cohort: str, sample: int) -> Any:
    """Sum each merchant's orders from the first on, and take differences at the windows' ends."""
    import duckdb

    con = duckdb.connect()
    con.execute(
        "CREATE TEMP TABLE asked AS SELECT row_number() OVER () AS row, merchant_id, as_of FROM "
        f"read_parquet('{cohort}') WHERE merchant_id % {sample} = 0"
    )
    con.execute(
        "CREATE TEMP TABLE held AS SELECT merchant_id, created_at, count(*) OVER w AS c, "
        "sum(amount) OVER w AS s, sum(amount * amount) OVER w AS q, "
        "sum(CAST(is_virtual_goods AS INTEGER)) OVER w AS f FROM "
        f"read_parquet('{orders}') SEMI JOIN asked USING (merchant_id) WINDOW w AS "
        "(PARTITION BY merchant_id ORDER BY created_at ROWS UNBOUNDED PRECEDING)"
    )
    for days in (0, *WINDOWS):
        con.execute(
            f"CREATE TEMP TABLE at_{days} AS SELECT row, coalesce(c, 0) AS c, coalesce(s, 0) AS s, "
            "coalesce(q, 0) AS q, coalesce(f, 0) AS f FROM (SELECT row, merchant_id, "
            f"as_of - INTERVAL {days} DAY AS edge FROM asked) a ASOF LEFT JOIN held h "
            "ON a.merchant_id = h.merchant_id AND a.edge > h.created_at"
        )
    columns = ", ".join(
        f"n.c - a{w}.c AS count_{w}, n.s - a{w}.s AS sum_{w}, "
        f"(n.s - a{w}.s) / nullif(n.c - a{w}.c, 0) AS mean_{w}, "
        f"CASE WHEN n.c - a{w}.c > 1 THEN sqrt(greatest(((n.q - a{w}.q) - (n.s - a{w}.s) "
        f"* (n.s - a{w}.s) / (n.c - a{w}.c)) / (n.c - a{w}.c - 1), 0)) END AS std_{w}, "
        f"(n.f - a{w}.f) / nullif(n.c - a{w}.c, 0) AS share_{w}"
        for w in WINDOWS
    )
    joined = " ".join(f"JOIN at_{w} a{w} USING (row)" for w in WINDOWS)
    return con.execute(
        f"SELECT merchant_id, as_of, {columns} FROM asked JOIN at_0 n USING (row) {joined} "
        "ORDER BY row"
    ).df()


def by_polars(orders: str, cohort: str, sample: int) -> Any:
    """Join lazily, aggregate by buyer, by day and over all, on the streaming engine."""
    import polars as pl

    col = pl.col
    asked = pl.scan_parquet(cohort).filter(col("merchant_id") % sample == 0).with_row_index("row")
    pair = (
        pl.scan_parquet(orders)
        .select("merchant_id", "buyer_id", "created_at", "amount", flag="is_virtual_goods")
        .join(asked, on="merchant_id")
        .with_columns(age=(col("as_of").dt.date() - col("created_at").dt.date()).dt.total_days())
        .filter((col("age") >= 1) & (col("age") <= 365))
    )
    inner, outer, final = [], [], []
    for w in WINDOWS:
        held = col("age") <= w
        zero = pl.when(held).then(col("amount")).otherwise(0.0)
        inner += [
            held.sum().alias(f"c_{w}"), zero.sum().alias(f"s_{w}"),
            (zero * zero).sum().alias(f"q_{w}"),
            pl.when(held).then(col("amount")).max().alias(f"m_{w}"),
            (held & col("flag")).sum().alias(f"f_{w}"),
        ]  # fmt: skip
        count, total = col(f"c_{w}"), col(f"s_{w}")
        outer += [
            count.sum().alias(f"count_{w}"), total.sum().alias(f"sum_{w}"),
            col(f"q_{w}").sum().alias(f"square_{w}"), col(f"m_{w}").max().alias(f"max_{w}"),
            col(f"f_{w}").sum().alias(f"flag_{w}"), (count > 0).sum().alias(f"buyers_{w}"),
            total.max().alias(f"top_{w}"), (total * total).sum().alias(f"hhi_{w}"),
            (count > 1).sum().alias(f"repeat_{w}"),
        ]  # fmt: skip
        n, s = col(f"count_{w}"), col(f"sum_{w}")
        variance = (col(f"square_{w}") - s * s / n) / (n - 1)
        some = pl.when(n > 0)
        final += [
            n.fill_null(0), s.fill_null(0.0), some.then(s / n).alias(f"mean_{w}"),
            pl.when(n > 1).then(variance.clip(0).sqrt()).alias(f"std_{w}"), col(f"max_{w}"),
            some.then(col(f"flag_{w}") / n).alias(f"share_{w}"), col(f"days_{w}").fill_null(0),
            col(f"buyers_{w}").fill_null(0), some.then(col(f"top_{w}") / s).alias(f"top_{w}"),
            some.then(col(f"hhi_{w}") / (s * s)).alias(f"hhi_{w}"),
            some.then(col(f"repeat_{w}") / col(f"buyers_{w}")).alias(f"repeat_{w}"),
        ]  # fmt: skip
    buyer = pair.group_by("row", "buyer_id").agg(inner).group_by("row").agg(outer)
    age = col("age")
    days = (
        pair.group_by("row", "age").agg(col("amount").sum())
        .group_by("row")
        .agg(
            [age.min().alias("recency")]
            + [(age <= w).sum().alias(f"days_{w}") for w in WINDOWS]
            + [pl.when((age > 30 * k) & (age <= 30 * k + 30)).then(col("amount")).otherwise(0.0)
               .sum().alias(f"k{k}") for k in range(12)]
        )
    )  # fmt: skip
    periods = [col(f"k{k}") for k in range(12)]
    mean = pl.sum_horizontal(periods) / 12
    spread = (pl.sum_horizontal([(each - mean) ** 2 for each in periods]) / 11).sqrt()
    final += [col("recency"), pl.when(mean > 0).then(spread / mean).alias("cv")]
    frame = asked.join(buyer, on="row", how="left").join(days, on="row", how="left")
    frame = frame.sort("row").select("merchant_id", "as_of", *final)
    return frame.collect(engine="streaming").to_pandas()


def by_alicredit(
    orders: str,
    cohort: str,
    sample: int,
    windows: tuple[int, ...] = WINDOWS,
    *,
    only_sums: bool = False,
) -> Any:
    """Build the same by the library; or only what prefix sums can give."""
    import pandas as pd

    import alicredit as ac

    frame = pd.read_parquet(cohort)
    frame = frame[frame["merchant_id"] % sample == 0]
    records = ac.read_records(Path(orders).parent.parent)
    is_late = "known_at" in records.columns("orders")
    catalogue = declared(windows, is_late=is_late)
    if only_sums:
        wanted = ("count", "sum", "mean", "std", "share")
        catalogue = catalogue.subset([f.name for f in catalogue if f.aggregate in wanted])
    return ac.build_features(records, ac.Cohort.from_frame(frame), catalogue=catalogue)


def declared(windows: tuple[int, ...] = WINDOWS, *, is_late: bool = False) -> Any:
    """Declare the features; a flag that fills in is the confirmation of an order."""
    from alicredit.features import Catalogue, Feature

    texts = {"table": "orders", "title": "feature", "title_zh": "特征"}
    hit = ("confirmed_at", "set", None) if is_late else ("is_virtual_goods", "==", True)
    features = []
    for w in windows:
        given = {**texts, "window_days": w}
        features += [
            Feature(aggregate="count", **given),
            *(Feature(aggregate=each, measure="amount", **given)
              for each in ("sum", "mean", "std", "max")),
            Feature(aggregate="share", label="flag", hit=(hit,), **given),
            Feature(aggregate="active_days", **given),
            Feature(aggregate="distinct", measure="buyer_id", **given),
            *(Feature(aggregate=each, measure="buyer_id", weight="amount", **given)
              for each in ("top_share", "hhi")),
            Feature(aggregate="repeat_share", measure="buyer_id", **given),
        ]  # fmt: skip
    features.append(Feature(aggregate="days_since", **texts))
    features.append(Feature(aggregate="cv", measure="amount", window_days=364, **texts))
    return Catalogue(tuple(features))
