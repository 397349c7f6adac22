"""Who belongs together: one person's shops, shared devices and addresses, and who is barred.

Groups are for exposure: what related parties owe counts as one borrower's. The gates before any
score ask only of the links that the table of related parties states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from alicredit.checks import require_one_of, require_whole
from alicredit.cohort import Cohort, as_moment
from alicredit.records import Records, require_records

RELATIONS = ("same_person", "family", "guarantee", "same_device", "same_address")
SHARED_BY_MOST = 20
"""Merchants on one device or at one address beyond which it is a mall's or a hub's: assumed."""
_GUARDED = ("same_device", "same_address")

LINKS = """
WITH link AS (
  SELECT _merchant_id AS a, other_id AS b, relation, _happened, _known FROM ({related_parties})
  UNION ALL
  SELECT other_id, _merchant_id, relation, _happened, _known FROM ({related_parties})),
party AS (
  SELECT DISTINCT q.row, q.as_of, l.b, l.relation FROM question q JOIN link l
    ON l.a = q.merchant_id AND l.b <> l.a AND l._happened < q.as_of AND l._known < q.as_of),
other AS (SELECT DISTINCT row, as_of, b FROM party),
barred AS ({barred})
SELECT p.row, count(DISTINCT p.b) FILTER (WHERE p.relation = 'same_person') AS linked_shops,
       count(DISTINCT p.b) FILTER (WHERE p.relation = 'same_device') AS shared_device,
       count(DISTINCT p.b) FILTER (WHERE p.relation = 'same_address') AS shared_address,
       count(DISTINCT x.b) AS related_barred
FROM party p LEFT JOIN barred x ON x.row = p.row AND x.b = p.b GROUP BY p.row
"""
NOBODY = "SELECT row, b FROM other WHERE false"
LISTED_PARTIES = """
  SELECT o.row, o.b FROM other o JOIN ({blacklist}) b ON b._merchant_id = o.b
   AND b._happened < o.as_of AND b._known < o.as_of
  WHERE b."to" IS NULL OR b."to" >= o.as_of
"""
SEALED_PARTIES = """
  SELECT o.row, o.b FROM other o JOIN ({account_events}) e ON e._merchant_id = o.b
   AND e._happened < o.as_of AND e._known < o.as_of
  GROUP BY o.row, o.b HAVING bool_or(e.kind = 'fraud_found') OR
   last(e.kind ORDER BY e._happened, e._key) FILTER (WHERE e.kind IN ('sealed', 'unsealed'))
     = 'sealed'
"""
STANDING = """
SELECT q.row, bool_or(e.kind = 'fraud_found') AS fraud_found,
       last(e.kind ORDER BY e._happened, e._key)
         FILTER (WHERE e.kind IN ('sealed', 'unsealed')) AS seal
FROM question q JOIN ({account_events}) e ON e._merchant_id = q.merchant_id
 AND e._happened < q.as_of AND e._known < q.as_of GROUP BY q.row
"""
_PAIRS = """
SELECT DISTINCT _merchant_id AS a, other_id AS b, relation FROM ({related_parties})
WHERE _happened < $1 AND _known < $1
"""
_SHARED = """
SELECT _merchant_id AS a, field, last(value ORDER BY _happened, _key) AS value
FROM ({merchant_history}) WHERE _happened < $1 AND _known < $1
 AND field IN ('legal_rep', 'address') GROUP BY 1, 2
"""


def links_sql(facts: dict[str, str]) -> str:
    """Write the query that counts each question's links and those of them that are barred."""
    parts = []
    if "blacklist" in facts:
        parts.append(LISTED_PARTIES.format(blacklist=facts["blacklist"]))
    if "account_events" in facts:
        parts.append(SEALED_PARTIES.format(account_events=facts["account_events"]))
    barred = " UNION ".join(parts) or NOBODY
    return LINKS.format(related_parties=facts["related_parties"], barred=barred)


def related_parties(
    records: Records,
    as_of: object,
    *,
    relations: Sequence[str] = RELATIONS,
    shared_by_most: int = SHARED_BY_MOST,
) -> pd.DataFrame:
    """Group the merchants that belong together, by links that happened and were known before.

    A link is a row of the table ``related_parties``, or the same legal representative or address
    as ``merchant_history`` last says. A device or an address shared by more than
    ``shared_by_most`` merchants links nobody: it is a mall's, a hub's, an agent's. Links join on: a
    friend of a friend is of the group.

    Parameters
    ----------
    records : Records
        Without either table, each merchant is a group of its own.
    as_of : str, date or timestamp
        The moment.
    relations : sequence of str, default all
        Of ``same_person, family, guarantee, same_device, same_address``.
    shared_by_most : int, default 20
        Most merchants on one device or at one address that still says something (assumed).

    Returns
    -------
    pandas.DataFrame
        ``merchant_id, group_id, group_size``, a row for each merchant known before, by id; the
        group is named by the first of its merchants' ids.

    Raises
    ------
    InputError
        For no moment, an unknown relation, or a threshold below 1.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> day = pd.to_datetime("2013-01-05")
    >>> merchants = pd.DataFrame({"merchant_id": ["a", "b", "c"], "platform": "taobao",
    ...                           "registered_at": pd.to_datetime("2011-05-01")})
    >>> links = pd.DataFrame({"merchant_id": ["c"], "other_id": ["a"],
    ...                       "relation": ["same_device"], "event_time": [day]})
    >>> records = read_records({"merchants": merchants, "related_parties": links})
    >>> related_parties(records, "2013-02-01")["group_id"].tolist()
    ['a', 'b', 'a']
    >>> related_parties(records, "2013-01-05")["group_id"].tolist()
    ['a', 'b', 'c']
    >>> related_parties(records, "2013-02-01", relations=["same_phone"])
    Traceback (most recent call last):
    alicredit.errors.InputError: relations must be one of 5 known words; found 'same_phone'. ...
    """
    require_records(records)
    moment = as_moment("as_of", as_of)
    require_whole("shared_by_most", shared_by_most, 1)
    chosen = [relations] if isinstance(relations, str) else list(relations)
    for each in chosen:
        require_one_of("relations", each, RELATIONS)
    ids = Cohort.at(records, moment).frame["merchant_id"].to_numpy(object)
    pairs = pd.concat([_stated(records, moment), _shared(records, moment)], ignore_index=True)
    pairs = pairs[pairs["relation"].isin(chosen) & (pairs["a"] != pairs["b"])]
    return _grouped(ids, _without_hubs(pairs, shared_by_most))


def _stated(records: Records, moment: pd.Timestamp) -> pd.DataFrame:
    """List the links that the table states."""
    return _asked(records, "related_parties", _PAIRS, moment, ["a", "b", "relation"])


def _shared(records: Records, moment: pd.Timestamp) -> pd.DataFrame:
    """List the links of each merchant to its representative and its address."""
    found = _asked(records, "merchant_history", _SHARED, moment, ["a", "field", "value"])
    found = found[found["value"].notna()]
    words = {"legal_rep": "same_person", "address": "same_address"}
    place = found["field"].astype(str) + "\x1f" + found["value"].astype(str)  # no merchant's id
    return pd.DataFrame({"a": found["a"], "b": place, "relation": found["field"].map(words)})


def _asked(
    records: Records, table: str, sql: str, moment: pd.Timestamp, columns: list[str]
) -> pd.DataFrame:
    """Ask one table, if it is there."""
    if table not in records:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    con = records.connect([table], kept=True)
    try:
        query = sql.format(**{table: records.fact_sql(table)})
        return con.execute(query, [moment.to_pydatetime()]).df().astype(object)
    finally:
        con.close()


def _without_hubs(pairs: pd.DataFrame, most: int) -> pd.DataFrame:
    """Leave out links over devices and addresses that very many share."""
    guarded = pairs["relation"].isin(_GUARDED)
    ends = pd.concat(
        [pairs[["a", "b", "relation"]], pairs.rename(columns={"a": "b", "b": "a"})[
            ["a", "b", "relation"]]], ignore_index=True,
    ).drop_duplicates()  # fmt: skip
    degree = ends.groupby(["a", "relation"]).size()
    many = np.zeros(len(pairs), dtype=bool)
    for end in ("a", "b"):
        key = pd.MultiIndex.from_frame(pairs[[end, "relation"]])
        count = degree.reindex(key).to_numpy(np.float64)
        # At a place stand all that it links; a merchant's own links leave itself out.
        is_place = pairs[end].astype(str).str.contains("\x1f", regex=False).to_numpy(bool)
        many |= count + np.where(is_place, 0, 1) > most
    return pairs[~(guarded & many)]


def _grouped(ids: np.ndarray, pairs: pd.DataFrame) -> pd.DataFrame:
    """Name each merchant's connected component by the first id in it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    nodes = pd.Index(
        np.unique(np.concatenate([ids, *(pairs[end].to_numpy(object) for end in "ab")]))
    )
    ends = [nodes.get_indexer(pairs[end]) for end in ("a", "b")]
    graph = coo_matrix((np.ones(len(pairs)), tuple(ends)), shape=(len(nodes), len(nodes)))
    _, label = connected_components(graph, directed=False)
    frame = pd.DataFrame({"merchant_id": ids, "label": label[nodes.get_indexer(ids)]})
    by_label = frame.groupby("label")["merchant_id"]
    return pd.DataFrame(
        {
            "merchant_id": ids,
            "group_id": by_label.transform("min"),
            "group_size": by_label.transform("size").astype(np.int64),
        }
    )
