"""The model file: one JSON document of plain data under its own digest, checked before use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from alicredit.checks import refusal, require_kind, require_path, write_whole
from alicredit.errors import AlicreditError, ModelFileError
from alicredit.portable.checking import check_model
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.reading import OLDER_VERSION, model_of
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

FORMAT = "alicredit-model"
FORMAT_VERSION = 2
_MALFORMED = (
    AlicreditError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError,
    OverflowError,
)  # fmt: skip
_LARGEST_BYTES = 64 * 2**20
_MOST_PARTS = 2_000_000


def content_of(model: ScoreModel, *, version: int = FORMAT_VERSION) -> dict[str, Any]:
    """Lay out a model as plain data; version 1 knows neither units, pairs nor trees."""
    content = {
        "format": FORMAT,
        "format_version": version,
        "shape": model.shape,
        "base": model.base,
        "scale": asdict(model.scale),
        "claim": asdict(model.claim),
        "tables": [_laid_out(table) for table in model.tables],
        "first_score": model.first_score,
        "pds": list(model.pds),
        "lowers": list(model.lowers),
        "uppers": list(model.uppers),
        "training": dict(model.training),
        "catalogue_digest": model.catalogue_digest,
    }
    if version == OLDER_VERSION:
        return content
    return content | {
        "unit": model.unit,
        "pairs": [_laid_out(pair) for pair in model.pairs],
        "trees": None if model.trees is None else _laid_out(model.trees),
    }


def _laid_out(record: PointTable | PairTable | TreeTable) -> dict[str, Any]:
    """Give the fields of a record by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def canonical(content: Mapping[str, Any]) -> str:
    """Write content as the one text that its digest is of."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest_of(content: Mapping[str, Any]) -> str:
    """Give the SHA-256 of canonical content."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def sealed(model: ScoreModel) -> ScoreModel:
    """Check a model that was just put together and give it its id, the digest of its content."""
    check_model(model)
    return replace(model, model_id=digest_of(content_of(model)))


def write_model(model: ScoreModel, path: str | Path) -> None:
    """Write a model's content and digest, whole; one that came from an older file keeps its id."""
    content = content_of(model)
    if model.shape == "points" and model.unit == 1:
        older = content_of(model, version=OLDER_VERSION)
        content = older if digest_of(older) == model.model_id else content
    text = canonical({"content": content, "digest": digest_of(content)})
    write_whole("path", path, (text + "\n").encode())


def load_model(path: str | Path, *, digest: str | None = None) -> ScoreModel:
    """Load a model file after checking all of it; no code of the file is run.

    Parameters
    ----------
    path : str or Path
        A file that ``save`` wrote.
    digest : str or None, default None
        The ``model_id`` expected, got another way: a file's own digest finds accidents, not
        attackers.

    Returns
    -------
    ScoreModel
        Needs NumPy alone to score.

    Raises
    ------
    ModelFileError
        On anything that is not a whole, unaltered, understood file, or not the one expected.

    Examples
    --------
    >>> load_model("absent.alicredit")
    Traceback (most recent call last):
    alicredit.errors.ModelFileError: model file absent.alicredit must be a file that exists; ...
    """
    place = require_path("path", path, error=ModelFileError)
    if digest is not None:
        rule = "must be the text of a model_id, or None"
        require_kind("digest", digest, str, rule, error=ModelFileError)
    name = f"model file {place.name}"
    content, stated = _read(place, name)
    try:
        found = digest_of(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(refusal(name, "must hold finite numbers", f"({error})")) from error
    if found != stated:
        raise ModelFileError(refusal(name, "must be unaltered", "another digest than it states"))
    if digest is not None and digest != found:
        raise ModelFileError(refusal(name, f"must have the digest {digest[:12]}", found[:12]))
    version = content.get("format_version")
    is_known = type(version) is int and version in (OLDER_VERSION, FORMAT_VERSION)
    if content.get("format") != FORMAT or not is_known:
        rule = f"must be of format {FORMAT} {OLDER_VERSION} or {FORMAT_VERSION}"
        shown = f"{content.get('format')!s:.40} {content.get('format_version')!s:.10}"
        raise ModelFileError(refusal(name, rule, shown))
    try:
        model = model_of(content, found)
        check_model(model)
        again = digest_of(content_of(model, version=content["format_version"]))
    except ModelFileError:
        raise
    except _MALFORMED as error:
        rule = "must follow its schema"
        raise ModelFileError(refusal(name, rule, f"({str(error)[:200]})")) from error
    if again != found:
        raise ModelFileError(refusal(name, "must be written as save writes it", "otherwise"))
    return model


def _read(path: Path, name: str) -> tuple[dict[str, Any], str]:
    """Read the two parts of a file within limits of size and depth."""
    if not path.is_file():
        raise ModelFileError(refusal(name, "must be a file that exists", "none"))
    if path.stat().st_size > _LARGEST_BYTES:
        raise ModelFileError(refusal(name, "must be at most 64 MB", f"{path.stat().st_size} bytes"))
    try:
        data = path.read_bytes()
        _check_parts(data, name)
        outer = json.loads(data.decode("utf-8"), parse_constant=no_constant)
        is_as_saved = canonical(outer).encode() == data.rstrip()
    except (ValueError, RecursionError, OSError) as error:
        raise ModelFileError(
            refusal(name, "must be whole JSON", f"({str(error)[:100]})")
        ) from error
    is_pair = isinstance(outer, dict) and set(outer) == {"content", "digest"}
    if not is_pair or not isinstance(outer["content"], dict):
        raise ModelFileError(refusal(name, "must hold content and digest", "something else"))
    if not is_as_saved:
        raise ModelFileError(refusal(name, "must be unaltered", "other bytes than save writes"))
    return outer["content"], str(outer["digest"])


def _check_parts(data: bytes, name: str) -> None:
    """Refuse text that would unfold to very many objects, before any of them is made."""
    parts = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if parts > _MOST_PARTS:
        raise ModelFileError(refusal(name, f"must have at most {_MOST_PARTS} parts", parts))


def no_constant(word: str) -> float:
    """Refuse NaN and infinities, which are no JSON."""
    message = f"{word} is not allowed"
    raise ValueError(message)
