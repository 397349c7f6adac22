"""The model file: one JSON document of plain data under its own digest, checked before use."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from alicredit.checks import refusal
from alicredit.errors import AlicreditError, ModelFileError
from alicredit.portable.checking import MOST_REFERENCES, MOST_SCORES, check_model
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import Claim, PointTable
from alicredit.portable.trees import TreeTable
from alicredit.score import PointScale

FORMAT = "alicredit-model"
FORMAT_VERSION = 2
OLDER_VERSION = 1
"""Of points alone: files of it still load, and are saved as they were."""

_MALFORMED = (
    AlicreditError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError,
    OverflowError,
)  # fmt: skip
_LARGEST_BYTES = 64 * 2**20
_MOST_TABLES = 10_000
_MOST_PARTS = 2_000_000
_MOST_FACTS = 200
_MOST_PAIRS = 1_000
_MOST_NODES = 500_000


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


def write_model(model: ScoreModel, path: str | Path) -> None:
    """Write a model's content and digest; one that came from an older file keeps its id."""
    content = content_of(model)
    if model.shape == "points" and model.unit == 1:
        older = content_of(model, version=OLDER_VERSION)
        content = older if digest_of(older) == model.model_id else content
    text = canonical({"content": content, "digest": digest_of(content)})
    Path(path).write_bytes((text + "\n").encode())


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
        On anything that is not a whole, unaltered, understood file.

    Examples
    --------
    >>> load_model("absent.alicredit")
    Traceback (most recent call last):
    alicredit.errors.ModelFileError: model file absent.alicredit must be a file that exists; ...
    """
    _require_path(path)
    name = f"model file {Path(path).name}"
    content, stated = _read(Path(path), name)
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
        model = _model(content, found)
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


def _require_path(path: object) -> None:
    """Refuse what names no file."""
    if not isinstance(path, str | Path):
        rule = "must be the path of a model file"
        raise ModelFileError(refusal("path", rule, type(path).__name__))


def _read(path: Path, name: str) -> tuple[dict[str, Any], str]:
    """Read the two parts of a file within limits of size and depth."""
    if not path.is_file():
        raise ModelFileError(refusal(name, "must be a file that exists", "none"))
    if path.stat().st_size > _LARGEST_BYTES:
        raise ModelFileError(refusal(name, "must be at most 64 MB", f"{path.stat().st_size} bytes"))
    try:
        data = path.read_bytes()
        _check_parts(data, name)
        outer = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
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


def _no_constant(word: str) -> float:
    """Refuse NaN and infinities, which are no JSON."""
    message = f"{word} is not allowed"
    raise ValueError(message)


def _model(content: Mapping[str, Any], model_id: str) -> ScoreModel:
    """Make a model of content, each value of its type."""
    scale, claim = content["scale"], content["claim"]
    is_older = content["format_version"] == OLDER_VERSION
    newer = {"unit": 1, "pairs": [], "trees": None} if is_older else content
    model = ScoreModel(
        tables=tuple(_table(each) for each in _list(content["tables"], _MOST_TABLES)),
        pairs=tuple(_pair(each) for each in _list(newer["pairs"], _MOST_PAIRS)),
        trees=None if newer["trees"] is None else _trees(newer["trees"]),
        base=_whole(content["base"]),
        unit=_whole(newer["unit"]),
        scale=PointScale(**{key: _number(value) for key, value in scale.items()}),
        first_score=_whole(content["first_score"]),
        pds=_numbers(content["pds"]),
        lowers=_numbers(content["lowers"]),
        uppers=_numbers(content["uppers"]),
        claim=Claim(
            None if claim["horizon_days"] is None else _whole(claim["horizon_days"]),
            _text(claim["level"]),
            None if claim["days_past_due"] is None else _whole(claim["days_past_due"]),
        ),
        training=_facts(content["training"]),
        catalogue_digest=_text(content["catalogue_digest"]),
        model_id=model_id,
    )
    if content["shape"] != model.shape:
        raise ModelFileError(refusal("shape", f"must be {model.shape!r}", "another"))
    return model


def _table(content: Mapping[str, Any]) -> PointTable:
    """Make a table of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(
        ("name", "kind", "code", "title", "title_zh", "unit"), _text
    )
    readers |= dict.fromkeys(("low", "high", "median", "missing_share"), _number)
    readers |= dict.fromkeys(("missing_points", "reference", "direction"), _whole)
    readers |= dict.fromkeys(("points", "rows", "defaults"), _wholes)
    readers |= {"cuts": _numbers, "levels": _texts, "sources": _texts}
    return PointTable(**_read_fields("table", content, readers))


def _pair(content: Mapping[str, Any]) -> PairTable:
    """Make a pair of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(("first", "second"), _text)
    readers |= dict.fromkeys(("first_cuts", "second_cuts"), _numbers)
    readers |= dict.fromkeys(("first_groups", "second_groups"), _wholes)
    readers |= {"values": _rows_of(_wholes, _MOST_TABLES), "reference": _whole}
    return PairTable(**_read_fields("pair", content, readers))


def _trees(content: Mapping[str, Any]) -> TreeTable:
    """Make trees of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(
        ("roots", "feature", "left", "right", "leaves"), _rows_of(_whole, _MOST_NODES)
    )
    readers |= {"cut": _rows_of(lambda x: float(_number(x)), _MOST_NODES)}
    readers |= {"missing_left": _rows_of(_truth, _MOST_NODES)}
    readers |= {"levels": _rows_of(_wholes, _MOST_NODES)}
    readers |= {"reference": _rows_of(_rows_of(_known, _MOST_TABLES), MOST_REFERENCES)}
    return TreeTable(**_read_fields("trees", content, readers))


def _read_fields(
    what: str, content: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """Read exactly the fields that there must be."""
    if set(content) != set(readers):
        raise ModelFileError(refusal(what, "must have exactly its keys", "others"))
    return {key: read(content[key]) for key, read in readers.items()}


def _rows_of(read: Callable[[Any], Any], most: int) -> Callable[[Any], tuple[Any, ...]]:
    """Read a list of bounded length, each entry in one way."""
    return lambda value: tuple(read(each) for each in _list(value, most))


def _truth(value: Any) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise ModelFileError(refusal("a truth", "must be true or false", str(value)[:40]))
    return value


def _known(value: Any) -> float | None:
    """Take a finite number, or nothing for a missing one."""
    return None if value is None else float(_number(value))


def _list(value: Any, most: int) -> list[Any]:
    """Take a list of bounded length."""
    if not isinstance(value, list) or len(value) > most:
        raise ModelFileError(
            refusal("a list", f"must be one of at most {most}", type(value).__name__)
        )
    return value


def _whole(value: Any) -> int:
    """Take a whole number of bounded size."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**9:
        raise ModelFileError(refusal("a number", "must be whole", str(value)[:40]))
    return value


def _number(value: Any) -> float:
    """Take a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelFileError(refusal("a number", "must be finite", str(value)[:40]))
    return value


def _text(value: Any) -> str:
    """Take a text of bounded length."""
    if not isinstance(value, str) or len(value) > 1000:
        raise ModelFileError(refusal("a text", "must be a short text", str(value)[:40]))
    return value


def _numbers(value: Any) -> tuple[float, ...]:
    """Take finite numbers."""
    return tuple(float(_number(each)) for each in _list(value, MOST_SCORES))


def _wholes(value: Any) -> tuple[int, ...]:
    """Take whole numbers."""
    return tuple(_whole(each) for each in _list(value, _MOST_TABLES))


def _texts(value: Any) -> tuple[str, ...]:
    """Take short texts."""
    return tuple(_text(each) for each in _list(value, _MOST_TABLES))


def _facts(value: Any) -> dict[str, Any]:
    """Take the facts of training: words that name single values."""
    if not isinstance(value, dict) or len(value) > _MOST_FACTS:
        raise ModelFileError(refusal("training", "must map words to values", type(value).__name__))
    for fact in value.values():
        is_text = isinstance(fact, str) and len(fact) <= 1000
        if not is_text and not isinstance(fact, bool | int | float | None):
            raise ModelFileError(refusal("training", "must hold single values", type(fact)))
    return dict(value)
