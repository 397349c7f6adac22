"""Decisions that stand in a database, as a frame and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pyarrow as pa

import alicredit
from alicredit.checks import refuse, require_columns, require_kind
from alicredit.cohort import as_moment
from alicredit.databases import Database, database_of, open_database
from alicredit.decision import COLUMNS
from alicredit.nightly.layout import DECISIONS, RUNS
from alicredit.nightly.quarantine import SCHEMA as POISON
from alicredit.nightly.streaming import FORMAT, job_of
from alicredit.nightly.tables import Tables, digest_of, open_tables
from alicredit.nightly.written import METADATA, SCHEMA, add_up, count, numbered

_PART_ROWS = 200_000


def read_decisions(
    place: str | Database,
    *,
    as_of: object,
    policy_id: str | None = None,
    model_id: str | None = None,
    job_id: str | None = None,
) -> pd.DataFrame:
    """Read the decisions of one finished run from a database, whole.

    Parameters
    ----------
    place : str or Database
        Where ``score_portfolio(..., out=place)`` or :func:`write_decisions` wrote them.
    as_of : str or timestamp
        The moment.
    policy_id, model_id, job_id : str or None, default None
        Of the run, where there are several of that moment.

    Returns
    -------
    pandas.DataFrame
        What ``score_portfolio`` gives: amounts in yuan, missing scores and grades missing.

    Raises
    ------
    InputError
        If none or several finished runs are meant.
    DatabaseError
        If the database cannot be reached, or is in use.

    Examples
    --------
    >>> read_decisions("nowhere.sqlite", as_of="2013-05-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: place must be a file that exists; found nowhere.sqlite. ...
    """
    database, moment = _database(place), as_moment("as_of", as_of)
    with open_database(database) as link:
        if RUNS not in link.tables():
            refuse("place", "must hold decisions", f"no {RUNS} in {database.shown}")
        sql = f"SELECT run, policy_id, model_id, job_id FROM {link.name(RUNS)} "
        rows = link.rows(sql + "WHERE as_of = ? AND state = ?", moment.to_pydatetime(), "finished")
        asked = (policy_id, model_id, job_id)
        meant = [
            row[0] for row in rows if all(w is None or w == have for w, have in zip(asked, row[1:]))
        ]
        if len(meant) != 1:
            do = "name policy_id and model_id of one of them" if meant else "check as_of and ids"
            refuse("as_of", "must name one finished run", f"{len(meant)} of {len(rows)}", do)
        tables = Tables(link, int(meant[0]))
        parts = [tables.read(DECISIONS, number) for number in tables.numbers()]
    whole = pa.concat_tables([SCHEMA.empty_table(), *parts])
    return whole.replace_schema_metadata(METADATA).to_pandas()


def write_decisions(decisions: pd.DataFrame, place: str | Database) -> None:
    """Write decisions into a database, in place of those of the same moment, models and policy.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`score_portfolio`, of one moment, one policy and one model a product.
    place : str or Database
        Its tables are made where they lack: see ``docs/nightly.md``.

    Raises
    ------
    InputError
        If a column lacks or is of another type, or a row of another moment, policy or model.
    DatabaseError
        If the database cannot be reached, or is in use.

    Examples
    --------
    >>> write_decisions(pd.DataFrame({"merchant_id": ["m1"]}), "night.sqlite")
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must have the columns ...
    >>> write_decisions(None, "night.sqlite")
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must be a frame of decisions; found NoneType.
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    database = _database(place)
    with _laying_out():
        table = pa.Table.from_pandas(decisions[list(COLUMNS)], SCHEMA, preserve_index=False)
    told = {
        "format": FORMAT,
        "inputs_digest": digest_of(table),
        "as_of": str(_only(decisions, "as_of")),
        "models": _models(decisions),
        "policy": "",
        "policy_id": str(_only(decisions, "policy_id")),
        "prices_id": str(_only(decisions, "prices_id")),
        "part_merchants": _PART_ROWS,
        "made_by": f"alicredit {alicredit.__version__}, pyarrow {pa.__version__}",
    }
    job = job_of(told)
    with open_tables(database, job) as tables:
        if tables.finished().get("job_id") == job["job_id"] and tables.is_whole():
            return
        tables.begin(job, resume=True)
        receipts = []
        for number, start in enumerate(range(0, max(len(table), 1), _PART_ROWS)):
            part = numbered(table.slice(start, _PART_ROWS))
            sums = {**count(part), "merchants": decisions["merchant_id"].nunique()}
            receipt = tables.receipt(number, job["job_id"])
            none = POISON.empty_table()
            receipts.append(receipt or tables.keep(number, part, none, sums, job["job_id"]))
        tables.finish(_manifest(job, decisions, receipts))


def _database(place: object) -> Database:
    """Take a place as a database."""
    found = database_of(place)
    if found is None:
        do = "write postgresql://user@host/name, duckdb:///file or sqlite:///file"
        refuse("place", "must be a database", repr(place)[:60], do)
    return found


@contextmanager
def _laying_out() -> Iterator[None]:
    """Refuse values of other types than decisions have."""
    try:
        yield
    except (pa.ArrowException, TypeError, ValueError) as error:
        why = str(error).splitlines()[0][:160]
        refuse("decisions", "must be what score_portfolio gives", why, "pass its frame unchanged")


def _only(decisions: pd.DataFrame, name: str) -> Any:
    """Give the one value of a column."""
    values = decisions[name].unique()
    if len(values) != 1 or pd.isna(values[0]):
        do = "write each on its own"
        refuse("decisions", f"must be of one {name}", f"{len(values)} of them", do)
    return values[0] if name != "as_of" else pd.Timestamp(values[0])


def _models(decisions: pd.DataFrame) -> dict[str, str]:
    """Give the model of each product."""
    pairs = decisions[["product_id", "model_id"]].drop_duplicates()
    if pairs["product_id"].duplicated().any() or pairs.isna().any(axis=None):
        refuse("decisions", "must be of one model a product", f"{len(pairs)} pairs")
    return {str(product): str(model) for product, model in pairs.itertuples(index=False)}


def _manifest(
    job: Mapping[str, Any], decisions: pd.DataFrame, receipts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Say what was written."""
    parts = [{key: each[key] for key in each if key != "job_id"} for each in receipts]
    return {
        **job,
        "rows": len(decisions),
        "merchants": int(decisions["merchant_id"].nunique()),
        "parts": parts,
        "quarantine": {"merchants": 0, "parts": []},
        "summary": add_up(parts),
    }
