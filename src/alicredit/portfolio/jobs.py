"""The main job: decide every merchant of a platform, for every product, as of a moment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.allocation import Prices
from alicredit.checks import refuse, require_columns, require_kind, require_mapping, require_whole
from alicredit.cluster import require_session, run_on_cluster, run_prepared_on_cluster
from alicredit.cohort import as_moment
from alicredit.databases import Database
from alicredit.deciding.answers import check_prices
from alicredit.deciding.one import decide_one
from alicredit.deciding.population import gather, prepare
from alicredit.deciding.question import ProductQuestion
from alicredit.deciding.scoring import (
    check_claim_of,
    check_definitions,
    distinct_of,
    models_of,
    portable_of,
)
from alicredit.decision import Decision, digest_inputs
from alicredit.errors import PolicyError
from alicredit.nightly.job import run_into_folder, whole_of
from alicredit.nightly.run import Run, run_of
from alicredit.nightly.sources import open_source
from alicredit.nightly.streaming import Question
from alicredit.policy import Policy, load_policy
from alicredit.records import Records


def score_portfolio(
    records: Any,
    model: Any,
    *,
    as_of: object,
    policy: str | Policy = "ali-2013",
    features: pd.DataFrame | str | Path | None = None,
    out: str | Path | Database | Run | None = None,
    prices: Prices | None = None,
    engine: Any = "local",
    chunk_rows: int | None = None,
    progress: Any = None,
) -> Any:
    """Decide every merchant known before a moment, for every product that can be lent.

    Parameters
    ----------
    records : Records, SparkRecords, mapping or None
        The platform's records; not read, and may be None, where ``features`` are given. On Spark
        also Spark frames by table, as they are or from
        :func:`alicredit.features.read_spark_records`; files must be Parquet, which all workers see.
    model : ScoreModel, DefaultModel or mapping
        One model, or one by product id where products have their own.
    as_of : str or timestamp
        The moment; nothing later is read.
    policy : str or Policy, default "ali-2013"
        Products, rules, limits, prices.
    features : pandas.DataFrame, str, Path or None, default None
        Prepared features with ``merchant_id`` (text or whole number, answered as text) and
        ``policy.required_columns``; what lacks of the latter is unknown. A path is that of a
        Parquet file, or of a folder of them in the order of their names, of which the columns that
        model and policy use are read.
    out : str, Path, Database, Run or None, default None
        Write Parquet parts and a manifest into this folder, or rows into the tables of this
        database (:class:`alicredit.databases.Database`, or its address), part after part in
        constant memory, and return a summary. What another run finished there is replaced. What the
        same run left unfinished is gone on with, and ends with the same bytes as if it had never
        been stopped; what another left unfinished is refused, see
        :class:`alicredit.portfolio.Run`.
    prices : Prices or None, default None
        Frozen shadow prices of an allocation under this policy: an approval stands where its profit
        is above what they charge it, see :func:`alicredit.allocation.apply_prices`. ``category``,
        where a share of the book is by category, is taken from ``features``. None decides each
        merchant as if capital were no limit.
    engine : str or SparkSession, default "local"
        Where to compute. A SparkSession: in tasks, each over a part of the merchants, to the same
        bits; ``features`` are then a path, and ``out`` is a folder, that all workers share.
    chunk_rows : int or None, default None
        Merchants gathered from ``records`` and scored at a time; the answer does not depend on it.
        None takes all, or with ``out`` as many as the memory of the run allows.
    progress : callable or None, default None
        Called with (done, all) merchants as they are gathered, or scored where there are
        ``features``, or written where there is ``out``.

    Returns
    -------
    pandas.DataFrame or pyspark.sql.DataFrame
        One row per merchant and product, merchants in order of id (or of ``features``), products in
        the policy's: ``COLUMNS`` of the room ``decision``. A row whose ``status`` is not ``ok`` has
        no probability and is never approved. With ``out``: counts by product, decision and status;
        ``attrs["manifest"]`` is what ``manifest.json`` says. On Spark without ``out``: a Spark
        frame of the same rows in no order, worked out anew each time unless it is cached.

    Raises
    ------
    InputError
        For a moment before all records, a feature that lacks, a wrong unit, a source that is gone;
        features built by other definitions than the model was trained on, as far as their frame
        says in ``attrs["definitions"]`` (``build_features`` does): else they are taken to be the
        built-in ones of this release.
    PolicyError
        For an unknown policy, or a model whose horizon a product does not take.
    DatabaseError
        If a database cannot be reached, was lost, or is in use: run again.

    Examples
    --------
    >>> score_portfolio(None, None, as_of="2013-05-01", engine="cluster")
    Traceback (most recent call last):
    alicredit.errors.InputError: engine must be 'local' or a SparkSession; found 'cluster'. ...
    >>> from alicredit.decision import COLUMNS
    >>> sorted(COLUMNS)[:3]
    ['as_of', 'decision', 'expected_loss']
    """
    session = None if isinstance(engine, str) and engine == "local" else require_session(engine)
    if chunk_rows is not None:
        require_whole("chunk_rows", chunk_rows, 1)
    if progress is not None and not callable(progress):
        refuse("progress", "must be None or take (done, all) when called", repr(progress))
    if features is not None and records is not None and session is None:
        require_kind("records", records, Records, "must be records or None beside features")
    run = None if out is None else run_of(out)
    moment, chosen = as_moment("as_of", as_of), load_policy(policy)
    check_prices(prices, chosen)
    asked = Question(models_of(model, chosen), chosen, moment, prices)
    if session is not None:
        where = run if run is None else run.at_a_time(chunk_rows)
        if features is None:
            return run_on_cluster(records, asked, session, where, progress)
        return run_prepared_on_cluster(features, asked, session, where, progress)
    if run is not None:
        return run_into_folder(records, features, asked, run, chunk_rows, progress)
    source = None if features is None else open_source(features)
    note = "" if source is None else source.definitions
    check_definitions(asked.models.values(), note)
    if source is None:
        population = gather(records, asked.models, moment, chunk_rows, progress)
    else:
        population = prepare(whole_of(source, asked), asked.models, moment)
    for each in distinct_of(asked.models):
        each.check_frame(population.inputs)
    told = None if features is None else progress
    return asked.answer(population, chunk_rows, told)


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
        If an input of the model lacks, or the built-in features of this release are defined
        otherwise than those it was trained on.
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
    check_prices(prices, chosen)
    scorer = portable_of(model)
    check_claim_of(scorer, asked)
    check_definitions([scorer], "")
    require_mapping("features", features, "must be a mapping from name to value")
    facts, needed = {str(k): v for k, v in features.items()}, ("merchant_id", *scorer.feature_names)
    if not facts.keys() >= set(needed):
        require_columns("features", facts, needed)
    values = decide_one(facts, scorer, ProductQuestion(asked, chosen, moment, prices))
    return Decision(**values, inputs_digest=digest_inputs(features))
