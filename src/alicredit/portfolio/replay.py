"""A stored decision made again from its stored inputs: bit for bit the same, or what differs."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from alicredit.allocation import Prices
from alicredit.checks import refuse, require_columns, require_kind, require_mapping
from alicredit.deciding.answers import check_prices
from alicredit.deciding.scoring import models_of, portable_of
from alicredit.decision import COLUMNS, Decision, digest_inputs, digest_rows
from alicredit.policy import Policy, load_policy
from alicredit.portfolio.jobs import score_applicant, score_portfolio

_OF_OTHERS = ("duplicated", "bad_records", "no_history")
_ROW = (*COLUMNS, "inputs_digest")
_SHOWN = ("row", "field", "stored", "replayed")


@dataclass(frozen=True)
class Replay:
    """What came of making a decision again.

    Parameters
    ----------
    decision : Decision
        As it was made again.
    differs : tuple of (str, object, object)
        Field, stored value, replayed value; empty where all are the same bit for bit.
    """

    decision: Decision
    differs: tuple[tuple[str, Any, Any], ...] = ()

    @property
    def is_same(self) -> bool:
        """Tell whether every field is the same, bit for bit."""
        return not self.differs


def replay_decision(
    decision: Any,
    *,
    features: Mapping[str, Any],
    model: Any,
    policy: str | Policy,
    prices: Prices | None = None,
) -> Replay:
    """Make a stored decision again from its stored inputs, and compare every field.

    Parameters
    ----------
    decision : Decision, mapping or pandas.Series
        A decision, or a row of a portfolio's frame (``COLUMNS``, and ``inputs_digest`` if it was
        kept, see :func:`~alicredit.decision.digest_rows`).
    features : mapping of str to value
        The inputs that were stored.
    model : ScoreModel, DefaultModel or mapping
        The one that decided; or one by product id.
    policy : str or Policy
        The one that decided.
    prices : Prices or None, default None
        Those that decided.

    Returns
    -------
    Replay
        ``is_same``, and which fields differ.

    Raises
    ------
    InputError
        If the model, policy, prices or inputs are others than those that decided, naming each that
        differs; or if the row's status came from other rows (``duplicated``) or from the records,
        which no single row's inputs hold: see :func:`replay_portfolio`.

    Examples
    --------
    >>> replay_decision(3, features={}, model=None, policy="ali-2013")
    Traceback (most recent call last):
    alicredit.errors.InputError: decision must be a decision or a row of a portfolio; found int.
    >>> Replay.__name__
    'Replay'
    """
    stored = _stored_of(decision)
    require_mapping("features", features, "must be a mapping from name to value")
    if stored["status"] in _OF_OTHERS:
        do = "use replay_portfolio, or the records"
        rule = "must have a status that follows from its own inputs"
        refuse("decision", rule, repr(stored["status"]), do)
    chosen, product = load_policy(policy), stored["product_id"]
    used = model.get(product) if isinstance(model, Mapping) else model
    now = {
        "model_id": portable_of(used).model_id,
        "policy_id": chosen.policy_id,
        "prices_id": _prices_id(prices),
        "inputs_digest": digest_inputs(features),
    }
    _refuse_others(stored, now)
    again = score_applicant(
        features, used, product=product, as_of=stored["as_of"], policy=chosen, prices=prices
    )
    pairs = ((name, value, getattr(again, name)) for name, value in stored.items())
    differs = tuple(each for each in pairs if not _is_same(each[1], each[2]))
    return Replay(again, differs)


def replay_portfolio(
    decisions: pd.DataFrame,
    *,
    features: pd.DataFrame,
    model: Any,
    policy: str | Policy,
    prices: Prices | None = None,
) -> pd.DataFrame:
    """Make a portfolio's decisions again from the features that were stored.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`~alicredit.portfolio.score_portfolio`, as returned or read back from its parts.
    features : pandas.DataFrame
        What it was given.
    model, policy : as in :func:`~alicredit.portfolio.score_portfolio`
        Those that decided.
    prices : Prices or None, default None
        Those that decided, where capital was rationed.

    Returns
    -------
    pandas.DataFrame
        ``row`` (position in ``decisions``), ``field``, ``stored``, ``replayed``: a line for each
        field that differs; empty where all are the same bit for bit.

    Raises
    ------
    InputError
        If the model, policy or prices are others than those that decided; if ``decisions`` are of
        several moments, lack a column, or are not of these merchants and products; if it has
        ``inputs_digest`` and inputs differ.

    Examples
    --------
    >>> replay_portfolio(pd.DataFrame({"merchant_id": ["m"]}), features=pd.DataFrame(),
    ...                  model=None, policy="ali-2013")
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must have the columns ...
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    chosen = load_policy(policy)
    check_prices(prices, chosen)
    stored, moments = decisions.reset_index(drop=True), decisions["as_of"].unique()
    if len(moments) != 1:
        refuse("decisions", "must be of one moment", f"{len(moments)} of them")
    models = models_of(model, chosen)
    for product, row in stored.groupby("product_id", sort=False).first().iterrows():
        if product not in models:
            refuse("decisions", "must be of the policy's active products", repr(product))
        ids = (models[str(product)].model_id, chosen.policy_id, _prices_id(prices))
        now = dict(zip(("model_id", "policy_id", "prices_id"), ids))
        _refuse_others({name: row[name] for name in now}, now)
    if "inputs_digest" in stored:
        _refuse_other_inputs(stored, features)
    again = score_portfolio(
        None, model, as_of=moments[0], policy=chosen, features=features, prices=prices
    )
    keys = ["merchant_id", "product_id"]
    if len(again) != len(stored) or not again[keys].astype(str).equals(stored[keys].astype(str)):
        refuse("decisions", "must be of these merchants and products, in their order", "others")
    lines = [
        (row, name, stored[name].iloc[row], again[name].iloc[row])
        for name in COLUMNS
        for row in _unlike(stored[name], again[name])
    ]
    return pd.DataFrame(sorted(lines, key=lambda line: line[0]), columns=list(_SHOWN))


def _stored_of(decision: Any) -> dict[str, Any]:
    """Give the fields that were stored."""
    if isinstance(decision, Decision):
        return {each.name: getattr(decision, each.name) for each in fields(decision)}
    if not isinstance(decision, pd.Series | Mapping):
        rule = "must be a decision or a row of a portfolio"
        refuse("decision", rule, type(decision).__name__)
    row = dict(decision)
    require_columns("decision", map(str, row), COLUMNS)
    return {name: row[name] for name in _ROW if name in row}


def _prices_id(prices: Prices | None) -> str:
    """Give the id of prices, empty where there are none."""
    if prices is None:
        return ""
    return require_kind("prices", prices, Prices, "must be frozen prices or None").prices_id


def _refuse_others(stored: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """Refuse what is not what decided, naming each id that differs."""
    unlike = [name for name, value in now.items() if name in stored and stored[name] != value]
    if unlike:
        names = {"model_id": "model", "policy_id": "policy", "prices_id": "prices"}
        given = " and ".join(names.get(name, "features") for name in unlike)
        wanted = ", ".join(f"{name} {str(stored[name])[:12] or 'none'}" for name in unlike)
        found = ", ".join(now[name][:12] or "none" for name in unlike)
        refuse(given, f"must be what decided ({wanted})", found)


def _refuse_other_inputs(stored: pd.DataFrame, features: pd.DataFrame) -> None:
    """Refuse features of which a row's digest is another than was kept."""
    digests = digest_rows(features).to_numpy(object)
    each = len(stored) // max(len(digests), 1)
    kept = stored["inputs_digest"].to_numpy(object)
    if len(digests) * each != len(kept):
        refuse("features", "must have a row for each merchant", f"{len(digests)} rows")
    unlike = np.flatnonzero(np.repeat(digests, each) != kept)
    if len(unlike):
        row = int(unlike[0])
        wanted = f"must be what decided (row {row}, inputs_digest {str(kept[row])[:12]})"
        refuse("features", wanted, str(digests[row // each])[:12])


def _unlike(stored: pd.Series, again: pd.Series) -> list[int]:
    """Give the rows in which two columns differ in any bit."""
    if stored.dtype.kind == "f" and again.dtype.kind == "f":
        left, right = stored.to_numpy(np.float64), again.to_numpy(np.float64)
        is_same = (left.view(np.int64) == right.view(np.int64)) | (np.isnan(left) & np.isnan(right))
        found: list[int] = np.flatnonzero(~is_same).tolist()
        return found
    pairs = zip(stored.tolist(), again.tolist(), strict=True)
    return [row for row, (one, other) in enumerate(pairs) if not _is_same(one, other)]


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two values of a field are the same, numbers by their bits."""
    if isinstance(one, np.ndarray | list | tuple):
        return isinstance(other, np.ndarray | list | tuple) and list(one) == list(other)
    if _lacks(one) or _lacks(other):
        return _lacks(one) and _lacks(other)
    if isinstance(one, float | np.floating) and isinstance(other, float | np.floating):
        return struct.pack("<d", one) == struct.pack("<d", other)
    return bool(one == other)


def _lacks(value: Any) -> bool:
    """Tell whether a field has no value."""
    return value is None or value is pd.NaT or value is pd.NA or value != value
