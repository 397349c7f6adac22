"""The main job: decide every merchant of a platform, for every product, as of a moment."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.allocation import Prices
from alicredit.allocation.deciding import UNPRICED, charge_approvals
from alicredit.checks import (
    refusal,
    refuse,
    require_columns,
    require_kind,
    require_path,
    require_whole,
    write_whole,
    writing,
)
from alicredit.cohort import Cohort, as_moment
from alicredit.decision import COLUMNS, Decision, digest_inputs
from alicredit.derived import derive_tables
from alicredit.errors import InputError, PolicyError
from alicredit.features import CATALOGUE, build_frame
from alicredit.policy import Policy, Product, build_applicants, find_rules, grade_of, load_policy
from alicredit.policy.eligibility import FAIL, PASS
from alicredit.policy.limits import find_limits, price_loan, year_of_line
from alicredit.records import Records, find_problems, merchants_in_error

log = logging.getLogger(__name__)

_PART_ROWS = 200_000
_PART_NAME = re.compile(r"\.?part-\d{5,}\.parquet(\.partial)?")
_REASONS = 4


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
class Scored:
    """What one model says of a population, row by row."""

    model_id: str
    rows: pd.DataFrame


def score_portfolio(
    records: Records | None,
    model: Any,
    *,
    as_of: object,
    policy: str | Policy = "ali-2013",
    features: pd.DataFrame | None = None,
    out: str | Path | None = None,
    prices: Prices | None = None,
    engine: str = "local",
    chunk_rows: int | None = None,
    progress: Any = None,
) -> pd.DataFrame:
    """Decide every merchant known before a moment, for every product that can be lent.

    Parameters
    ----------
    records : Records or None
        The platform's records; not read, and may be None, where ``features`` are given.
    model : ScoreModel, DefaultModel or mapping
        One model, or one by product id where products have their own.
    as_of : str or timestamp
        The moment; nothing later is read.
    policy : str or Policy, default "ali-2013"
        Products, rules, limits, prices.
    features : pandas.DataFrame or None, default None
        Prepared features with ``merchant_id`` (text or whole number, answered as text) and
        ``policy.required_columns``; what lacks of the latter is unknown.
    out : str, Path or None, default None
        Write Parquet parts and a manifest into this folder, in place of those of an earlier run,
        and return a summary.
    prices : Prices or None, default None
        Frozen shadow prices of an allocation under this policy: an approval stands where its profit
        is above what they charge it, see :func:`alicredit.allocation.apply_prices`. ``category``,
        where a share of the book is by category, is taken from ``features``. None decides each
        merchant as if capital were no limit.
    engine : str, default "local"
        Where to compute; this version has ``"local"``.
    chunk_rows : int or None, default None
        Merchants gathered from ``records`` and scored at a time; the answer does not depend on it.
    progress : callable or None, default None
        Called with (done, all) merchants as they are gathered, or scored where there are
        ``features``.

    Returns
    -------
    pandas.DataFrame
        One row per merchant and product, merchants in order of id (or of ``features``), products in
        the policy's: ``COLUMNS`` of the room ``decision``. A row whose ``status`` is not ``ok`` has
        no probability and is never approved. With ``out``: counts by product, decision and status.

    Raises
    ------
    InputError
        For a moment before all records, a feature that lacks, a wrong unit, a source that is gone.
    PolicyError
        For an unknown policy, or a model whose horizon a product does not take.

    Examples
    --------
    >>> score_portfolio(None, None, as_of="2013-05-01", engine="cluster")
    Traceback (most recent call last):
    alicredit.errors.InputError: engine must be 'local' in this version; found 'cluster'.
    >>> sorted(COLUMNS)[:3]
    ['as_of', 'decision', 'expected_loss']
    """
    if engine != "local":
        refuse("engine", "must be 'local' in this version", repr(engine))
    if chunk_rows is not None:
        require_whole("chunk_rows", chunk_rows, 1)
    if progress is not None and not callable(progress):
        refuse("progress", "must be None or take (done, all) when called", repr(progress))
    if features is not None and records is not None:
        require_kind("records", records, Records, "must be records or None beside features")
    folder = None if out is None else _folder(out)
    moment, chosen = as_moment("as_of", as_of), load_policy(policy)
    _check_prices(prices, chosen)
    models = _models(model, chosen)
    if features is None:
        population = _gather(records, models, moment, chunk_rows, progress)
    else:
        population = _prepared(features, models, moment)
    for each in _distinct(models):
        each.check_frame(population.inputs)
    told = None if features is None else progress
    scored = _score(population, models, chosen.active, chunk_rows, told)
    parts = [
        _decide(population, product, scored[product.id], chosen, moment, prices)
        for product in chosen.active
    ]
    frame = _interleaved(parts, len(population))
    return frame if folder is None else _write(frame, folder, chosen, moment)


def score_applicant(
    features: Mapping[str, Any],
    model: Any,
    *,
    product: str,
    as_of: object,
    policy: str | Policy = "ali-2013",
    prices: Prices | None = None,
) -> Decision:
    """Decide one applicant: the same answer that a portfolio gives.

    Parameters
    ----------
    features : mapping of str to value
        ``merchant_id``, the model's inputs and ``policy.required_columns``; what lacks of the
        latter is unknown.
    model : ScoreModel or DefaultModel
        Fitted or loaded.
    product : str
        Id of an active product.
    as_of : str or timestamp
        The moment.
    policy : str or Policy, default "ali-2013"
        Rules, limits, prices.
    prices : Prices or None, default None
        Frozen shadow prices, as a portfolio takes them.

    Returns
    -------
    Decision
        Frozen, with the digest of the inputs.

    Raises
    ------
    InputError
        If an input of the model lacks.
    PolicyError
        If the product is unknown or cannot be lent, or does not take the model's horizon.

    Examples
    --------
    >>> score_applicant({}, None, product="virtual_card", as_of="2013-05-01")
    Traceback (most recent call last):
    alicredit.errors.PolicyError: product must be active; found 'virtual_card'.
    >>> Decision.__name__
    'Decision'
    """
    moment, chosen = as_moment("as_of", as_of), load_policy(policy)
    asked = chosen.product(product)
    if not asked.is_active:
        refuse("product", "must be active", repr(product), error=PolicyError)
    _check_prices(prices, chosen)
    scorer = _portable(model)
    _check_claim(scorer, asked)
    if not isinstance(features, Mapping):
        refuse("features", "must be a mapping from name to value", type(features).__name__)
    require_columns("features", map(str, features), ("merchant_id", *scorer.feature_names))
    row = pd.DataFrame({str(k): pd.Series([v], dtype=object) for k, v in features.items()})
    population = _prepared(row, {product: scorer}, moment)
    scored = _score(population, {product: scorer}, (asked,), None, None)
    frame = _decide(population, asked, scored[product], chosen, moment, prices)
    values = frame.iloc[0].to_dict()
    values["score"] = None if pd.isna(values["score"]) else int(values["score"])
    values["reasons"] = tuple(values["reasons"])
    return Decision(**values, inputs_digest=digest_inputs(features))


def _portable(model: Any) -> Any:
    """Take the deployed part of a model."""
    found = getattr(model, "portable_", model)
    if not hasattr(found, "score_frame"):
        do = "fit a DefaultModel or load one with load_model"
        refuse("model", "must be a fitted or loaded model", type(model).__name__, do)
    return found


def _models(model: Any, policy: Policy) -> dict[str, Any]:
    """Give the model of each active product; refuse one whose claim the product does not take."""
    if isinstance(model, Mapping):
        lacking = [p.id for p in policy.active if p.id not in model]
        if lacking:
            refuse("model", "must have one for each active product", f"none for {lacking[0]!r}")
        models = {p.id: _portable(model[p.id]) for p in policy.active}
    else:
        models = dict.fromkeys((p.id for p in policy.active), _portable(model))
    for product in policy.active:
        _check_claim(models[product.id], product)
    return models


def _check_claim(model: Any, product: Product) -> None:
    """Refuse a probability of another horizon or level than the product takes."""
    claim = model.claim
    if (claim.level, claim.horizon_days) not in product.claims:
        taken = ", ".join(f"{level} {days} days" for level, days in product.claims)
        found = f"{claim.level or 'no level'} {claim.horizon_days or 'no horizon'}"
        do = "label with label_defaults and that definition, and train again"
        rule = f"must claim what {product.id} takes ({taken})"
        refuse("model", rule, found, do, error=PolicyError)


def _gather(
    records: Records | None,
    models: Mapping[str, Any],
    as_of: pd.Timestamp,
    chunk_rows: int | None,
    progress: Any,
) -> Population:
    """Build inputs and facts of every merchant known before the moment."""
    if records is None:
        raise InputError(refusal("records", "must be given without features", "None"))
    cohort = Cohort.at(records, as_of)
    wanted = [name for model in models.values() for name in model.feature_names]
    foreign = [name for name in wanted if name not in set(CATALOGUE.names)]
    if foreign:
        do = "build the features yourself and pass features="
        rule = "must take only built-in features to be scored from records"
        refuse("model", rule, repr(foreign[0]), do)
    catalogue = CATALOGUE.subset(wanted)
    whole = derive_tables(records, catalogue.tables)  # once, not once a chunk
    size = chunk_rows or max(len(cohort), 1)
    inputs, applicants = [], []
    for start in range(0, len(cohort), size):
        part = cohort[start : start + size]
        inputs.append(build_frame(whole, part, catalogue=catalogue))
        applicants.append(build_applicants(records, part))
        if progress is not None:
            progress(min(start + size, len(cohort)), len(cohort))
    facts = pd.concat(applicants, ignore_index=True)
    status = np.full(len(cohort), "ok", dtype=object)
    _refuse_unlike_units(records, as_of)
    faulty = merchants_in_error(records, as_of=as_of)
    status[facts["merchant_id"].isin(faulty["merchant_id"]).to_numpy()] = "bad_records"
    status[(facts["snapshots"] > 1).to_numpy()] = "duplicated"
    return Population(pd.concat(inputs, ignore_index=True), facts, status)


def _refuse_unlike_units(records: Records, as_of: pd.Timestamp) -> None:
    """Stop the whole run where sources disagree by orders of magnitude."""
    problems = find_problems(records, as_of=as_of)
    suspected = problems[problems["rule"] == "wrong unit suspected"]
    if len(suspected):
        line = suspected.iloc[0]
        rule = f"must be in the declared unit: {line['message']}"
        refuse(f"table {line['table']!r}", rule, line["example"], "mend the unit of that table")


def _prepared(features: pd.DataFrame, models: Mapping[str, Any], as_of: pd.Timestamp) -> Population:
    """Take prepared features; a merchant that stands twice is refused on both its rows."""
    require_kind("features", features, pd.DataFrame, "must be a frame")
    names = [str(name) for name in features.columns]
    if len(set(names)) < len(names):
        refuse("features", "must have columns of different names", "a repeated name")
    wanted = [name for model in models.values() for name in model.feature_names]
    require_columns("features", names, ("merchant_id", *dict.fromkeys(wanted)))
    frame = features.reset_index(drop=True)
    if "as_of" in frame:
        given = pd.to_datetime(frame["as_of"], errors="coerce", format="ISO8601")
        if (given != as_of).any():
            found = str(frame["as_of"][given != as_of].iloc[0])
            refuse("features", f"must be as of {as_of}", found)
    ids, status = _read_ids(frame["merchant_id"])
    frame["merchant_id"] = ids
    is_twice = frame["merchant_id"].duplicated(keep=False).to_numpy(bool)
    status[is_twice & (status == "ok")] = "duplicated"
    return Population(frame, frame, status)


def _read_ids(given: pd.Series) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Write ids as the text under which they are answered; give each one's status.

    One that lacks is empty. A whole number is written as one even where a missing id beside it made
    the column one of doubles, so that no row changes the name of another.
    """
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


def _check_prices(prices: Prices | None, policy: Policy) -> None:
    """Refuse what is no frozen prices, or those of a book under another policy."""
    if prices is None:
        return
    do = "use allocate(...).prices or load_prices"
    require_kind("prices", prices, Prices, "must be frozen prices or None", do=do)
    if prices.policy_id != policy.policy_id:
        rule = f"must be of a book under the policy {policy.policy_id[:12]}"
        refuse("prices", rule, prices.policy_id[:12] or "those of a lender", error=PolicyError)


def _distinct(models: Mapping[str, Any]) -> list[Any]:
    """List the models that differ; one that was loaded twice is one."""
    found: list[Any] = []
    for model in models.values():
        if model not in found:
            found.append(model)
    return found


def _score(
    population: Population,
    models: Mapping[str, Any],
    products: Sequence[Product],
    chunk_rows: int | None,
    progress: Any,
) -> dict[str, Scored]:
    """Score everybody once by each model that differs, so many rows at a time, for each product."""
    distinct, size = _distinct(models), chunk_rows or max(len(population), 1)
    which = {product.id: distinct.index(models[product.id]) for product in products}
    cuts = [
        min(product.max_pd for product in products if which[product.id] == at)
        for at in range(len(distinct))
    ]
    chunks: list[list[pd.DataFrame]] = [[] for _ in distinct]
    for start in range(0, max(len(population), 1), size):
        inputs = population.inputs.iloc[start : start + size]
        for at, model in enumerate(distinct):
            chunks[at].append(_score_rows(model, inputs, cuts[at]))
        if progress is not None:
            progress(min(start + size, len(population)), len(population))
    scored = [
        Scored(model.model_id, pd.concat(parts, ignore_index=True))
        for model, parts in zip(distinct, chunks)
    ]
    return {product: scored[at] for product, at in which.items()}


def _score_rows(model: Any, inputs: pd.DataFrame, cut: float) -> pd.DataFrame:
    """Score rows; give reasons, which cost most, to those of a probability above the cut."""
    scored = model.score_frame(inputs, reasons=0).reset_index(drop=True)
    rows = np.flatnonzero((scored["pd"] > cut).to_numpy(bool))
    if len(rows):
        reasons = scored["reasons"].tolist()
        found = model.score_frame(inputs.iloc[rows], reasons=_REASONS)["reasons"]
        for row, codes in zip(rows.tolist(), found.tolist()):
            reasons[row] = codes
        scored["reasons"] = reasons
    return scored


def _decide(
    population: Population,
    product: Product,
    answer: Scored,
    policy: Policy,
    as_of: pd.Timestamp,
    prices: Prices | None,
) -> pd.DataFrame:
    """Decide one product for everybody."""
    scored = answer.rows
    status = np.where(
        population.status == "ok", scored["status"].to_numpy(object), population.status
    )
    ok = status == "ok"
    pd_ = np.where(ok, scored["pd"].to_numpy(np.float64), np.nan)
    rules = list(find_rules(population.applicants, product, as_of))
    outcome = np.min([rule.outcome for rule in rules], axis=0)
    limits = find_limits(population.applicants, product, policy, pd_)
    is_risky = ok & (pd_ > product.max_pd)
    approved = ok & (outcome == PASS) & ~is_risky & (limits.fen > 0)
    declined = (outcome < PASS) | (ok & ~approved)
    decision = np.where(approved, "approve", np.where(declined, "decline", "refer"))
    decision = np.where(~ok & (outcome != FAIL), "refer", decision)
    fen = np.where(approved, limits.fen, 0)
    loss, profit = year_of_line(fen, np.nan_to_num(pd_), product, policy)
    price = price_loan(product, policy)
    reasons = _reasons(rules, ok, is_risky, approved, limits.binding, scored["reasons"].tolist())
    frame = pd.DataFrame(
        {
            "merchant_id": population.applicants["merchant_id"].astype(str).to_numpy(object),
            "product_id": product.id,
            "as_of": as_of,
            "status": status,
            "pd": pd_,
            "pd_lower": np.where(ok, scored["pd_lower"], np.nan),
            "pd_upper": np.where(ok, scored["pd_upper"], np.nan),
            "score": scored["score"].mask(~ok),
            "grade": grade_of(pd_, policy.grades),
            "decision": decision,
            "limit": fen / 100,
            "rate": price.rate,
            "rate_unit": price.unit,
            "expected_loss": np.where(ok, loss, np.nan),
            "expected_profit": np.where(ok, profit, np.nan),
            "reasons": reasons,
            "model_id": answer.model_id,
            "policy_id": policy.policy_id,
            "prices_id": "" if prices is None else prices.prices_id,
        }
    )[list(COLUMNS)]
    return frame if prices is None else _at_prices(frame, population, product, policy, prices)


def _at_prices(
    frame: pd.DataFrame,
    population: Population,
    product: Product,
    policy: Policy,
    prices: Prices,
) -> pd.DataFrame:
    """Let approvals stand that earn more than the prices charge; say of the others what binds."""
    rows = np.flatnonzero((frame["decision"] == "approve").to_numpy(bool))
    approved, applicants = frame.iloc[rows], population.applicants.iloc[rows]
    answer = charge_approvals(approved, policy, prices, applicants=applicants)
    reason, limit = answer["reason"].to_numpy(object), answer["limit"].to_numpy(np.float64)
    fen = np.rint(limit * 100).astype(np.int64)
    loss, profit = year_of_line(fen, approved["pd"].to_numpy(np.float64), product, policy)
    left_out = np.where(reason == UNPRICED, "refer", "decline")
    decision = frame["decision"].to_numpy(object, copy=True)
    decision[rows] = np.where(limit > 0, decision[rows], left_out)
    numbers = {"limit": fen / 100, "expected_loss": loss, "expected_profit": profit}
    columns = {name: frame[name].to_numpy(np.float64, copy=True) for name in numbers}
    for name, values in numbers.items():
        columns[name][rows] = values
    reasons = frame["reasons"].tolist()
    for row in np.flatnonzero(reason != "").tolist():
        reasons[int(rows[row])] = [reason[row]]
    return frame.assign(decision=decision, **columns, reasons=reasons)


def _reasons(
    rules: list[Any],
    ok: npt.NDArray[np.bool_],
    is_risky: npt.NDArray[np.bool_],
    approved: npt.NDArray[np.bool_],
    binding: npt.NDArray[np.object_],
    of_score: list[list[str]],
) -> list[list[str]]:
    """Give each row's codes: rules first, then risk with the score's reasons, then the limit."""
    codes: list[list[str]] = [[] for _ in of_score]
    for rule in rules:
        found = rule.codes
        for row in np.flatnonzero(rule.outcome != PASS).tolist():
            if found[row] not in codes[row]:
                codes[row].append(found[row])
    for row, mine in enumerate(codes):
        if not ok[row]:
            mine.append("NOT_SCORED")
        elif approved[row]:
            mine.append(binding[row])
        elif is_risky[row]:
            mine += ["PD_ABOVE_CUT", *of_score[row]]
        elif not mine or binding[row] == "ELIG_LIMIT_MIN":
            mine.append(binding[row])
    return [list(dict.fromkeys(mine)) for mine in codes]


def _interleaved(parts: list[pd.DataFrame], rows: int) -> pd.DataFrame:
    """Bring products together: each merchant's rows stand side by side."""
    frame = pd.concat(parts, ignore_index=True)
    order = np.arange(rows * len(parts)).reshape(len(parts), rows).T.ravel()
    return frame.iloc[order].reset_index(drop=True)


def _folder(out: str | Path) -> Path:
    """Make the folder to write into, before the work; refuse what cannot be one."""
    folder = require_path("out", out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse("out", "must be a folder that can be written", f"{folder} ({error.strerror})")
    return folder


def _write(frame: pd.DataFrame, folder: Path, policy: Policy, as_of: pd.Timestamp) -> pd.DataFrame:
    """Write parts and a manifest, each whole or not at all; give counts.

    The manifest of an earlier run goes first and the new one comes last: where there is one, the
    parts beside it are those it lists, and there are no others.
    """
    parts = []
    with writing("out", folder):
        (folder / "manifest.json").unlink(missing_ok=True)
    for number, start in enumerate(range(0, max(len(frame), 1), _PART_ROWS)):
        name = f"part-{number:05d}.parquet"
        rows = frame.iloc[start : start + _PART_ROWS]
        write_whole("out", folder / name, rows.to_parquet(index=False))
        parts.append({"name": name, "rows": len(rows)})
    listed = {part["name"] for part in parts}
    with writing("out", folder):
        for path in folder.iterdir():
            if _PART_NAME.fullmatch(path.name) and path.name not in listed:
                path.unlink()
    manifest = {
        "as_of": str(as_of),
        "rows": len(frame),
        "parts": parts,
        "model_ids": sorted(set(frame["model_id"])),
        "policy": policy.name,
        "policy_id": policy.policy_id,
        "prices_ids": sorted(set(frame["prices_id"])),
    }
    text = json.dumps(manifest, indent=2, sort_keys=True)
    write_whole("out", folder / "manifest.json", (text + "\n").encode())
    log.info("wrote %d decisions in %d parts", len(frame), len(parts))
    return summarise(frame)


def summarise(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count decisions by product, decision and status, with limits, losses and profits.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`score_portfolio`.

    Returns
    -------
    pandas.DataFrame
        ``product_id, decision, status, merchants, limit, expected_loss, expected_profit``.

    Raises
    ------
    InputError
        If a column lacks.

    Examples
    --------
    >>> summarise(pd.DataFrame({"product_id": ["p"]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must have the columns ...
    >>> list(summarise(pd.DataFrame(columns=list(COLUMNS))).columns)[:3]
    ['product_id', 'decision', 'status']
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    groups = decisions.groupby(["product_id", "decision", "status"], sort=True, as_index=False)
    return groups.agg(
        merchants=("merchant_id", "size"),
        limit=("limit", "sum"),
        expected_loss=("expected_loss", "sum"),
        expected_profit=("expected_profit", "sum"),
    )
