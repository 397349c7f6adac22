"""The model file: one JSON document of plain data under its own digest, checked before use."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from alicredit.checks import refusal, require_kind, require_path, write_whole
from alicredit.errors import AlicreditError, ModelFileError
from alicredit.portable.checking import check_model
from alicredit.portable.limits import LARGEST_MEGABYTES, MOST_PARTS
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.reading import SPECIAL_KEYS, model_of
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

FORMAT = "alicredit-model"
FORMAT_VERSION = 3
VERSIONS = (1, 2, FORMAT_VERSION)
_MALFORMED = (
    AlicreditError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError,
    OverflowError,
)  # fmt: skip
_WHOLE = re.compile(rb'\{"content":(\{.*\}),"digest":"([0-9a-f]{64})"\}\s{0,8}', re.DOTALL)


def content_of(model: ScoreModel, *, version: int = FORMAT_VERSION) -> dict[str, Any]:
    """Lay out a model as plain data.

    Version 1 knows neither units, pairs nor trees; version 2 neither texts of reasons nor grades.
    """
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
    if version > 1:
        content |= {
            "unit": model.unit,
            "pairs": [_laid_out(pair) for pair in model.pairs],
            "trees": None if model.trees is None else _laid_out(model.trees),
        }
    if version > 2:
        content |= {
            "reasons": {code: list(texts) for code, texts in model.reasons.items()},
            "grades": [list(grade) for grade in model.grades],
        }
    return content


def _laid_out(record: PointTable | PairTable | TreeTable) -> dict[str, Any]:
    """Give the fields of a record by name; those of special codes only where there are some."""
    found = {field.name: getattr(record, field.name) for field in fields(record)}
    if not found.get("specials"):
        found = {key: value for key, value in found.items() if key not in SPECIAL_KEYS}
    return found


def canonical(content: Any) -> str:
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
    for version in VERSIONS:
        content = content_of(model, version=version)
        digest = digest_of(content)
        if digest == model.model_id:
            break
    text = canonical({"content": content, "digest": digest})
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
    body, found = _read(place, name)
    if digest is not None and digest != found:
        raise ModelFileError(refusal(name, f"must have the digest {digest[:12]}", found[:12]))
    try:
        content = _parsed(body, name)
        version = content["format_version"]
        model = model_of(content, found)
        del content
        check_model(model)
        if not _is_written(body, content_of(model, version=version)):
            raise ModelFileError(refusal(name, "must be written as save writes it", "otherwise"))
    except ModelFileError:
        raise
    except _MALFORMED as error:
        rule = "must follow its schema"
        raise ModelFileError(refusal(name, rule, f"({str(error)[:200]})")) from error
    return model


def _read(path: Path, name: str) -> tuple[bytes, str]:
    """Read the bytes of the content, of bounded size, and their digest, which must be as stated."""
    if not path.is_file():
        raise ModelFileError(refusal(name, "must be a file that exists", "none"))
    most = LARGEST_MEGABYTES * 2**20
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ModelFileError(refusal(name, "must be readable", f"({error.strerror})")) from error
    if len(data) > most:
        raise ModelFileError(refusal(name, f"must be at most {LARGEST_MEGABYTES} MB", "more"))
    whole = _WHOLE.fullmatch(data)
    if whole is None:
        rule = "must be whole and unaltered: content and digest as save writes them"
        raise ModelFileError(refusal(name, rule, "something else"))
    body, stated = whole[1], whole[2].decode()
    found = hashlib.sha256(body).hexdigest()
    if found != stated:
        raise ModelFileError(refusal(name, "must be unaltered", "another digest than it states"))
    return body, found


def _parsed(body: bytes, name: str) -> dict[str, Any]:
    """Parse content of a bounded number of parts and of a known format."""
    parts = sum(body.count(mark) for mark in (b",", b"[", b"{"))
    if parts > MOST_PARTS:
        raise ModelFileError(refusal(name, f"must have at most {MOST_PARTS} parts", parts))
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        shown = f"({str(error)[:100]})"
        raise ModelFileError(refusal(name, "must hold JSON of finite numbers", shown)) from error
    version = content.get("format_version")
    if content.get("format") != FORMAT or type(version) is not int or version not in VERSIONS:
        rule = f"must be of format {FORMAT}, version {VERSIONS[0]} to {VERSIONS[-1]}"
        shown = f"{content.get('format')!s:.40} {content.get('format_version')!s:.10}"
        raise ModelFileError(refusal(name, rule, shown, "update alicredit if it is a newer one"))
    return content


def _is_written(body: bytes, content: Mapping[str, Any]) -> bool:
    """Tell whether bytes are canonical content, compared piece by piece to hold no second copy."""
    at = 0
    for piece in _pieces(content):
        if not body.startswith(piece, at):
            return False
        at += len(piece)
    return at == len(body)


def _pieces(content: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the canonical text of content in pieces: entries of long lists apart."""
    for at, key in enumerate(sorted(content)):
        yield f"{',' if at else '{'}{json.dumps(key)}:".encode()
        value = content[key]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for place, each in enumerate(value):
                yield (("," if place else "[") + canonical(each)).encode()
            yield b"]"
        else:
            yield canonical(value).encode()
    yield b"}"


def no_constant(word: str) -> float:
    """Refuse NaN and infinities, which are no JSON."""
    message = f"{word} is not allowed"
    raise ValueError(message)
