"""Decisions written part after part: in constant memory, and gone on with after any stop."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

import alicredit
from alicredit.allocation import Prices
from alicredit.checks import refuse
from alicredit.deciding.answers import decide, decide_columns, interleave
from alicredit.deciding.population import prepare
from alicredit.deciding.question import ProductQuestion
from alicredit.deciding.scoring import distinct_of, score_all
from alicredit.nightly.quarantine import find_poison
from alicredit.nightly.run import Run
from alicredit.nightly.survey import Source, Survey, survey, texts_of
from alicredit.nightly.written import (
    add_up,
    columns_of_frame,
    count,
    table_of,
    whole_of,
)
from alicredit.policy import Policy
from alicredit.policy.rules import GATES
from alicredit.policy.terms import EXTRA_FACTS, FACTS

log = logging.getLogger(__name__)

FORMAT = 1
Place = Any
"""Where parts go: a folder, or tables of a database."""

STATUS = "_status"
"""Column of what was gathered from records: what they themselves say of a merchant's row."""


@dataclass(frozen=True, eq=False)
class Question:
    """What everybody is asked: by which models and policy, when, at what prices."""

    models: Mapping[str, Any]
    policy: Policy
    as_of: pd.Timestamp
    prices: Prices | None

    @property
    def of_products(self) -> tuple[ProductQuestion, ...]:
        """Give what is asked about each active product."""
        return tuple(
            ProductQuestion(product, self.policy, self.as_of, self.prices)
            for product in self.policy.active
        )

    @property
    def columns(self) -> frozenset[str]:
        """Name the columns of features that bear on an answer."""
        inputs = (name for model in self.models.values() for name in model.feature_names)
        facts = (*FACTS, *EXTRA_FACTS, *GATES.values(), *self.policy.required_columns)
        return frozenset(("merchant_id", "as_of", "amount_asked", "category", *inputs, *facts))

    def answer(
        self, inputs: Any, chunk_rows: int | None = None, progress: Any = None
    ) -> pd.DataFrame:
        """Decide a population, each merchant's products side by side."""
        scored = score_all(inputs, self.models, self.policy.active, chunk_rows, progress)
        parts = [decide(inputs, each, scored[each.product.id]) for each in self.of_products]
        return interleave(parts, len(inputs))

    def table(self, people: Any) -> pa.Table:
        """Decide a population, as an Arrow table."""
        scored = score_all(people, self.models, self.policy.active, None, None)
        ids = people.applicants["merchant_id"].to_numpy(object)
        asked = [(question, scored[question.product.id]) for question in self.of_products]
        if self.prices is None:
            parts = [decide_columns(people, *each) for each in asked]
        else:
            parts = [columns_of_frame(decide(people, *each)) for each in asked]
        return table_of(ids, parts)

    def job(self, inputs_digest: str, run: Run) -> dict[str, Any]:
        """Give all that shapes a byte of the parts, with its digest."""
        told: dict[str, Any] = {
            "format": FORMAT,
            "inputs_digest": inputs_digest,
            "as_of": str(self.as_of),
            "models": {product: model.model_id for product, model in self.models.items()},
            "policy": self.policy.name,
            "policy_id": self.policy.policy_id,
            "prices_id": "" if self.prices is None else self.prices.prices_id,
            "part_merchants": run.part_merchants,
            "made_by": f"alicredit {alicredit.__version__}, pyarrow {pa.__version__}",
        }
        return job_of(told)


def job_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Give what shapes a byte with its digest."""
    text = json.dumps(told, sort_keys=True).encode()
    return {**told, "job_id": hashlib.sha256(text).hexdigest()}


def begin(folder: Place, job: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Take the folder for a job; give the manifest where all of it is done and whole already."""
    done = folder.finished()
    is_same = run.resume and done.get("job_id") == job["job_id"]
    if is_same and all(folder.holds(each) for each in done["parts"]):
        log.info("all %d parts are done already", len(done["parts"]))
        folder.settle(done)
        return done
    folder.begin(job, resume=run.resume)
    return {}


def write_all(
    source: Source, asked: Question, folder: Place, job: Mapping[str, Any], run: Run, progress: Any
) -> dict[str, Any]:
    """Decide the parts that are not done; write them and the manifest, and give it."""
    guard = source.guard()
    seen = survey(source, asked.models, asked.as_of, run.chunk_rows)
    size = run.part_merchants
    numbers = range(max(-(-seen.rows // size), 1))
    receipts = {number: folder.receipt(number, job["job_id"]) for number in numbers}
    left = [number for number in numbers if not receipts[number]]
    done = sum(merchants_of(number, seen, size) for number in numbers if receipts[number])
    log.info("%d of %d parts are done already", len(numbers) - len(left), len(numbers))
    if progress is not None and done:
        progress(done, seen.rows)
    texts = texts_of(distinct_of(asked.models))
    first = left[0] if left else len(numbers)
    own = {STATUS} if source.argument == "records" else set()
    frames = source.frames(first * size, size, asked.columns | own, texts)
    for number in range(first, len(numbers)):
        frame = next(frames, None)
        if receipts[number]:
            continue
        if frame is None or len(frame) != merchants_of(number, seen, size):
            if seen.rows:
                refuse_change(source.argument)
            frame = _none_of(source, asked)
        receipts[number] = write_one(frame, number, asked, folder, job, run, seen)
        done += len(frame)
        if progress is not None:
            progress(done, seen.rows)
        if source.guard() != guard:
            refuse_change(source.argument)
    manifest = manifest_of(job, seen, [receipts[number] for number in numbers])
    folder.finish(manifest)
    return manifest


def merchants_of(number: int, seen: Survey, size: int) -> int:
    """Count the merchants of a part."""
    return min(size, seen.rows - number * size)


def refuse_change(argument: str) -> NoReturn:
    """Refuse inputs that change while they are read."""
    do = "give a copy that nobody writes into, and run again"
    refuse(argument, "must stay as they are while they are read", "others than before", do)


def _none_of(source: Source, asked: Question) -> pd.DataFrame:
    """Give a frame of nobody."""
    names = [name for name in source.names if name in asked.columns]
    return pd.DataFrame({name: pd.Series([], dtype=object) for name in names})


def write_one(
    frame: pd.DataFrame,
    number: int,
    asked: Question,
    folder: Place,
    job: Mapping[str, Any],
    run: Run,
    seen: Survey,
) -> dict[str, Any]:
    """Decide and write one part and its poison; give its receipt."""
    tables, found = [], []
    start = number * run.part_merchants
    for at in range(0, max(len(frame), 1), run.chunk_rows):
        rows = frame.iloc[at : at + run.chunk_rows]
        people = prepare(rows, asked.models, asked.as_of, twice=seen.twice)
        if STATUS in rows:
            own = rows[STATUS].to_numpy(object)
            people.status[own != "ok"] = own[own != "ok"]
        decisions = asked.table(people)
        tables.append(decisions)
        found.append(_poison_of(people, decisions, asked, start + at))
    table, poison = whole_of(tables), whole_of(found)
    told = {**count(table), "merchants": len(frame)}
    receipt: dict[str, Any] = folder.keep(number, table, poison, told, job["job_id"])
    return receipt


def _poison_of(people: Any, decisions: pa.Table, asked: Question, start: int) -> pa.Table:
    """List the poison of some rows, by the first product's status that is not ok."""
    column = decisions.column("status").combine_chunks()
    words = np.array([*column.dictionary.to_pylist(), "ok"], dtype=object)
    numbers = column.indices.to_numpy(zero_copy_only=False)
    by_product = words[numbers].reshape(len(people), len(asked.policy.active))
    first = np.argmax(by_product != "ok", axis=1)
    status = by_product[np.arange(len(people)), first]
    ids = people.applicants["merchant_id"].to_numpy(object)
    return find_poison(people.inputs, ids, status, distinct_of(asked.models), start)


def manifest_of(
    job: Mapping[str, Any], seen: Survey, receipts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Say what was decided of whom by what, and which parts hold it."""
    parts = [{key: each[key] for key in each if key != "job_id"} for each in receipts]
    poison = [each["quarantine"] for each in parts if "quarantine" in each]
    return {
        **job,
        "rows": sum(each["rows"] for each in parts),
        "merchants": seen.rows,
        "model_ids": sorted(set(job["models"].values())),
        "prices_ids": [job["prices_id"]],
        "checks": {"columns": "passed", "sources": "passed", "units": "passed"},
        "parts": parts,
        "quarantine": {
            "merchants": sum(each["merchants"] for each in poison),
            "parts": [{"name": each["name"], "rows": each["rows"]} for each in poison],
        },
        "summary": add_up(parts),
    }
