"""Who is decided: model inputs and facts of applicants, by name and row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.checks import (
    refusal,
    refuse,
    require_columns,
    require_kind,
)
from alicredit.cohort import Cohort
from alicredit.deciding.counted import counting, take_counted
from alicredit.deciding.feeds import refuse_silent
from alicredit.derived import base_tables, derive_recent
from alicredit.engine.expressions import stored_columns
from alicredit.engine.streams import NEVER, reach
from alicredit.errors import InputError
from alicredit.features import CATALOGUE, Catalogue, build_frame
from alicredit.policy import build_applicants, group_outstanding, related_parties
from alicredit.policy.applicants import APPLICANT_TABLES
from alicredit.records import Records, merchants_in_error
from alicredit.records.bounds import Bound
from alicredit.records.findings import sales_ratios
from alicredit.records.kept import open_kept
from alicredit.records.records import TIMEZONE
from alicredit.records.rules import ACROSS, SALES_RATIOS, UNIT_MERCHANTS, UNIT_TIMES, WRONG_UNIT
from alicredit.records.units import are_surely_alike


@dataclass(frozen=True, eq=False)
class Population:
    """Who is decided: model inputs and facts of applicants, row by row."""

    inputs: pd.DataFrame
    applicants: pd.DataFrame
    status: npt.NDArray[np.object_]

    def __len__(self) -> int:
        """Count the merchants."""
        return len(self.applicants)


@dataclass(frozen=True, eq=False)
class Gatherer:
    """Builds inputs and facts of merchants known before a moment, some at a time.

    Parameters
    ----------
    records, whole : Records
        As given, and with the derived tables that the features read.
    cohort : Cohort
        All merchants, in order of id.
    catalogue : Catalogue
        The features that the models take.
    faulty : frozenset of str
        Merchants whose records contradict themselves.
    debts : pandas.Series or None
        What the group of each related party owes, by merchant; None where no links are recorded.
    """

    records: Records
    whole: Records
    cohort: Cohort
    catalogue: Catalogue
    faulty: frozenset[str]
    debts: pd.Series | None = None

    def within(self, bound: Bound) -> Gatherer:
        """Give the same, which reads on within another memory."""
        return replace(self, records=self.records.within(bound), whole=self.whole.within(bound))

    def gather(self, start: int, stop: int, *, memory: str | None = None) -> Population:
        """Build inputs and facts of the merchants from one position to another."""
        part = self.cohort[start:stop]
        catalogue = self.catalogue
        if len(part):
            catalogue = counting(catalogue, self.whole, part.frame["as_of"].iloc[0])
        frame = build_frame(self.whole, part, catalogue=catalogue, memory=memory)
        own = len(self.catalogue.names)
        return self.with_facts(part, frame.iloc[:, :own], take_counted(frame.iloc[:, own:]))

    def with_facts(
        self, part: Cohort, inputs: pd.DataFrame, counted: pd.DataFrame | None = None
    ) -> Population:
        """Put facts and statuses beside the inputs of some merchants."""
        facts = build_applicants(self.records, part, counted=counted)
        if self.debts is not None:
            owed = facts["merchant_id"].map(self.debts)
            facts["group_outstanding"] = owed.where(owed.notna(), facts["outstanding"])
        status = np.full(len(part), "ok", dtype=object)
        status[facts["merchant_id"].isin(list(self.faulty)).to_numpy(bool)] = "bad_records"
        status[(facts["snapshots"] > 1).to_numpy(bool)] = "duplicated"
        return Population(inputs, facts, status)


def gatherer_of(
    records: Records | None, models: Mapping[str, Any], as_of: pd.Timestamp
) -> Gatherer:
    """Look at records as a whole; refuse those from which nobody can be decided."""
    if records is None:
        raise InputError(refusal("records", "must be given without features", "None"))
    cohort = Cohort.at(records, as_of)
    catalogue = catalogue_of(models)
    refuse_silent(records, catalogue.tables, as_of)
    whole = derive_recent(  # once, not once a chunk
        records, reaches_of(catalogue), as_of, columns=columns_of(catalogue)
    )
    if not are_surely_alike(records, as_of=as_of):
        refuse_unlike_units(sales_ratios(records, as_of=as_of))
    faulty = merchants_in_error(records, as_of=as_of, tables=used_tables(catalogue))["merchant_id"]
    debts = debts_of_groups(records, cohort, as_of)
    return Gatherer(records, whole, cohort, catalogue, frozenset(faulty.tolist()), debts)


def used_tables(catalogue: Catalogue) -> frozenset[str]:
    """Name the tables whose faults bear on an answer: those of the features and of the policy.

    Of others no value is read, so that nothing wrong in them can make a decision wrong.
    """
    return frozenset((*base_tables(catalogue.tables), *APPLICANT_TABLES))


def reaches_of(catalogue: Catalogue) -> dict[str, int | None]:
    """Give how far back, in microseconds, each table is read; None where all of it is."""
    found: dict[str, int] = {}
    for feature in catalogue:
        if feature.table:
            back = NEVER if feature.time else reach(feature)[0]
            found[feature.table] = max(back, found.get(feature.table, 0))
    return {table: None if back == NEVER else back for table, back in found.items()}


def columns_of(catalogue: Catalogue) -> dict[str, set[str]]:
    """Give the stored columns of each table that features read."""
    found: dict[str, set[str]] = {}
    for feature in catalogue:
        if feature.table:
            found.setdefault(feature.table, set()).update(stored_columns(feature))
    return found


def catalogue_of(models: Mapping[str, Any]) -> Catalogue:
    """Give the built-in features that models take; refuse others."""
    wanted = [name for model in models.values() for name in model.feature_names]
    ours = set(CATALOGUE.names)
    foreign = [name for name in wanted if name not in ours]
    if foreign:
        do = "build the features yourself and pass features="
        rule = "must take only built-in features to be scored from records"
        refuse("model", rule, repr(foreign[0]), do)
    return CATALOGUE.subset(wanted)


def debts_of_groups(records: Records, cohort: Cohort, as_of: pd.Timestamp) -> pd.Series | None:
    """Sum what groups of related parties owe, by merchant, whatever part each is decided in."""
    if "related_parties" not in records:
        return None
    groups = related_parties(records, as_of)
    linked = cohort.frame["merchant_id"].isin(groups["merchant_id"]).to_numpy(bool)
    facts = build_applicants(records, cohort[linked])[["merchant_id", "outstanding"]]
    owed = group_outstanding(facts, groups)
    return pd.Series(owed.to_numpy(), index=facts["merchant_id"]).groupby(level=0).first()


def gather(
    records: Records | None,
    models: Mapping[str, Any],
    as_of: pd.Timestamp,
    chunk_rows: int | None,
    progress: Any,
) -> Population:
    """Build inputs and facts of every merchant known before the moment."""
    gatherer = gatherer_of(records, models, as_of)
    every = len(gatherer.cohort)
    size = chunk_rows or max(every, 1)
    parts = []
    for start in range(0, every, size):
        parts.append(gatherer.gather(start, start + size))
        if progress is not None:
            progress(min(start + size, every), every)
    return Population(
        pd.concat([part.inputs for part in parts], ignore_index=True),
        pd.concat([part.applicants for part in parts], ignore_index=True),
        np.concatenate([part.status for part in parts]),
    )


def refuse_unlike_units(ratios: npt.NDArray[np.float64]) -> None:
    """Stop the whole run where sales and what was declared differ by orders of magnitude.

    ``ratios`` are of ``alicredit.records.findings.sales_ratios``; what is refused is what the rule
    finds.
    """
    is_many = len(ratios) >= UNIT_MERCHANTS
    if not is_many or 1 / UNIT_TIMES <= float(np.median(ratios)) <= UNIT_TIMES:
        return
    rule = next(each for each in ACROSS if each.name == WRONG_UNIT)
    con = open_kept()
    try:
        con.register("ratios", pa.table({"ratio": ratios}))
        found = con.execute(rule.sql.replace(f"({SALES_RATIOS})", "ratios")).fetchone()
    finally:
        con.close()
    if found is not None:
        told = f"must be in the declared unit: {rule.message}"
        refuse(f"table {rule.table!r}", told, str(found[0]), "mend the unit of that table")


def check_features(names: Sequence[str], models: Mapping[str, Any]) -> None:
    """Refuse features whose columns repeat, or lack an input of a model."""
    if len(set(names)) < len(names):
        refuse("features", "must have columns of different names", "a repeated name")
    wanted = [name for model in models.values() for name in model.feature_names]
    require_columns("features", names, ("merchant_id", *dict.fromkeys(wanted)))


def check_as_of(features: pd.DataFrame, as_of: pd.Timestamp) -> None:
    """Refuse features that say they are of another moment."""
    if "as_of" in features:
        given = pd.to_datetime(features["as_of"], errors="coerce", format="ISO8601")
        if isinstance(given.dtype, pd.DatetimeTZDtype):
            given = given.dt.tz_convert(TIMEZONE).dt.tz_localize(None)
        if (given != as_of).any():
            found = str(features["as_of"][given != as_of].iloc[0])
            refuse("features", f"must be as of {as_of}", found)


def prepare(
    features: pd.DataFrame,
    models: Mapping[str, Any],
    as_of: pd.Timestamp,
    *,
    twice: Collection[str] | None = None,
) -> Population:
    """Take prepared features; a merchant that stands twice is refused on both its rows.

    ``twice`` names those who do where the features are a part of a whole.
    """
    require_kind("features", features, pd.DataFrame, "must be a frame")
    check_features([str(name) for name in features.columns], models)
    frame = features.reset_index(drop=True)
    check_as_of(frame, as_of)
    ids, status = read_ids(frame["merchant_id"])
    frame["merchant_id"] = ids
    if twice is None:
        is_twice = frame["merchant_id"].duplicated(keep=False).to_numpy(bool)
    else:
        is_twice = pd.Index(ids).isin(list(twice)) if twice else np.zeros(len(ids), dtype=bool)
    status[is_twice & (status == "ok")] = "duplicated"
    return Population(frame, frame, status)


def read_ids(given: pd.Series) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Write ids as the text under which they are answered; give each one's status.

    One that lacks is empty. A whole number is written as one even where a missing id beside it made
    the column one of doubles, so that no row changes the name of another.
    """
    values = given.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(values, skipna=False) == "string":
        blank = np.array([not text.strip() for text in values.tolist()], dtype=bool)
        kinds = np.where(blank, "bad_value", "ok").astype(object)
        return np.array(values, dtype=object), kinds
    is_missing = given.isna().to_numpy(bool)
    pairs = [_id_text(value) for value in given.astype(object).tolist()]
    texts = np.array([text for text, _ in pairs], dtype=object)
    status = np.where([is_id for _, is_id in pairs], "ok", "bad_type").astype(object)
    texts[is_missing] = ""
    status[is_missing | np.array([not text.strip() for text in texts], dtype=bool)] = "bad_value"
    return texts, status


def _id_text(value: Any) -> tuple[str, bool]:
    """Write one id as text, and tell whether it is one: a text or a whole number."""
    if isinstance(value, str):
        return str(value), True
    if isinstance(value, bool):
        return str(value), False
    is_id = isinstance(value, Integral)
    if isinstance(value, float | np.floating):
        is_id = float(value).is_integer() and abs(float(value)) < 2**53
    return str(int(value) if is_id else value), is_id
