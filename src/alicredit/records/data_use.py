"""What lets restricted tables in: a purpose and a legal basis, stated for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from alicredit.checks import nearest, refusal, require_mapping
from alicredit.errors import RecordError
from alicredit.records.schema import TABLES


@dataclass(frozen=True, slots=True)
class DataUse:
    """Why a restricted table may be read (China's PIPL, arts 28 and 55, asks for both).

    Parameters
    ----------
    purpose : str
        The specific purpose.
    legal_basis : str
        Consent, contract or law, as the user states it.
    consent_id : str, default ""
        Where the consent is recorded.
    """

    purpose: str
    legal_basis: str
    consent_id: str = ""


def read_data_use(stated: Mapping[str, Any] | None) -> Mapping[str, DataUse]:
    """Check stated uses of restricted tables.

    Parameters
    ----------
    stated : mapping of str to mapping, or None
        Restricted table -> ``purpose``, ``legal_basis`` and optionally ``consent_id``; or the
        ``data_use`` of other records.

    Returns
    -------
    mapping of str to DataUse
        Read-only.

    Raises
    ------
    RecordError
        If a table is unknown or not restricted, or purpose or legal basis lacks.

    Examples
    --------
    >>> use = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
    >>> read_data_use(use)["bank_txns"].legal_basis
    'consent'
    >>> read_data_use({"bank_txns": {"purpose": "credit decision"}})
    Traceback (most recent call last):
    alicredit.errors.RecordError: data_use['bank_txns'] must state a legal_basis; ...
    """
    if stated is None:
        return MappingProxyType({})
    rule = "must be a mapping from restricted table to its purpose and legal_basis"
    require_mapping("data_use", stated, rule, error=RecordError)
    restricted = [name for name, table in TABLES.items() if table.restricted]
    uses = {}
    for table, use in stated.items():
        where = f"data_use[{table!r}]"
        if table not in restricted:
            rule = "must name a restricted table"
            raise RecordError(refusal(where, rule, repr(table), nearest(table, restricted)))
        if isinstance(use, DataUse):
            use = asdict(use)  # of other records: records.data_use
        require_mapping(where, use, "must be a mapping", error=RecordError)
        for part in ("purpose", "legal_basis"):
            if not str(use.get(part) or "").strip():
                raise RecordError(refusal(where, f"must state a {part}", "none"))
        unknown = set(use) - {"purpose", "legal_basis", "consent_id"}
        if unknown:
            rule = "must have only purpose, legal_basis and consent_id"
            raise RecordError(refusal(where, rule, ", ".join(sorted(map(str, unknown)))))
        uses[table] = DataUse(
            str(use["purpose"]), str(use["legal_basis"]), str(use.get("consent_id") or "")
        )
    return MappingProxyType(uses)
