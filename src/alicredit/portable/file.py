"""The model file: one JSON document of plain data under its own digest, checked before use."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alicredit.checks import refusal
from alicredit.errors import AlicreditError, ModelFileError
from alicredit.portable.model import ScoreModel
from alicredit.portable.tables import Claim, PointTable
from alicredit.score import PointScale
from alicredit.vocabulary import REASONS

FORMAT = "alicredit-model"
FORMAT_VERSION = 1
_MALFORMED = (
    AlicreditError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError,
    OverflowError,
)  # fmt: skip
_LARGEST_BYTES = 64 * 2**20
_MOST_TABLES = 10_000
_MOST_SCORES = 200_000
_MOST_PARTS = 2_000_000
_MOST_FACTS = 200
_LARGEST_POINTS = 1_000_000


def content_of(model: ScoreModel) -> dict[str, Any]:
    """Lay out a model as plain data."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "shape": "points",
        "base": model.base,
        "scale": asdict(model.scale),
        "claim": asdict(model.claim),
        "tables": [asdict(table) for table in model.tables],
        "first_score": model.first_score,
        "pds": list(model.pds),
        "lowers": list(model.lowers),
        "uppers": list(model.uppers),
        "training": dict(model.training),
        "catalogue_digest": model.catalogue_digest,
    }


def canonical(content: Mapping[str, Any]) -> str:
    """Write content as the one text that its digest is of."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest_of(content: Mapping[str, Any]) -> str:
    """Give the SHA-256 of canonical content."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def write_model(model: ScoreModel, path: str | Path) -> None:
    """Write a model's content and digest."""
    content = content_of(model)
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
    if content.get("format") != FORMAT or content.get("format_version") != FORMAT_VERSION:
        rule = f"must be of format {FORMAT} {FORMAT_VERSION}"
        shown = f"{content.get('format')!s:.40} {content.get('format_version')!s:.10}"
        raise ModelFileError(refusal(name, rule, shown))
    try:
        model = _model(content, found)
        check_model(model)
        again = digest_of(content_of(model))
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
    if content["shape"] != "points":
        raise ModelFileError(refusal("shape", "must be 'points'", str(content["shape"])[:40]))
    scale, claim = content["scale"], content["claim"]
    return ScoreModel(
        tables=tuple(_table(each) for each in _list(content["tables"], _MOST_TABLES)),
        base=_whole(content["base"]),
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


def _table(content: Mapping[str, Any]) -> PointTable:
    """Make a table of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(
        ("name", "kind", "code", "title", "title_zh", "unit"), _text
    )
    readers |= dict.fromkeys(("low", "high", "median", "missing_share"), _number)
    readers |= dict.fromkeys(("missing_points", "reference", "direction"), _whole)
    readers |= dict.fromkeys(("points", "rows", "defaults"), _wholes)
    readers |= {"cuts": _numbers, "levels": _texts, "sources": _texts}
    if set(content) != set(readers):
        raise ModelFileError(refusal("table", "must have exactly its keys", "others"))
    return PointTable(**{key: read(content[key]) for key, read in readers.items()})


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
    return tuple(float(_number(each)) for each in _list(value, _MOST_SCORES))


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


def check_model(model: ScoreModel) -> None:
    """Refuse a model that contradicts itself: sizes, order, reach, direction."""
    _check_claim(model.claim)
    names = model.feature_names
    if not names or len(set(names)) != len(names):
        raise ModelFileError(refusal("tables", "must have different names", len(names)))
    lowest = highest = model.base
    for table in model.tables:
        _check_table(table)
        every = (*table.points, table.missing_points)
        lowest, highest = lowest + min(every), highest + max(every)
    size = len(model.pds)
    if size > _MOST_SCORES:
        do = "give a scale with fewer points for a doubling of odds"
        raise ModelFileError(refusal("pds", f"must be at most {_MOST_SCORES}", size, do))
    if not (size == len(model.lowers) == len(model.uppers) == highest - lowest + 1):
        raise ModelFileError(refusal("pds", "must cover every reachable score", size))
    if model.first_score != lowest:
        raise ModelFileError(refusal("first_score", f"must be {lowest}", model.first_score))
    for low, p, high in zip(model.lowers, model.pds, model.uppers, strict=True):
        if not 0 < low <= p <= high < 1:
            raise ModelFileError(refusal("pds", "must lie in order between 0 and 1", p))
    if any(a <= b for a, b in zip(model.pds[:-1], model.pds[1:], strict=True)):
        raise ModelFileError(refusal("pds", "must fall as the score rises", "a tie or a rise"))


def _check_claim(claim: Claim) -> None:
    """Refuse a claim of an unknown level or an impossible length."""
    days, late = claim.horizon_days, claim.days_past_due
    is_whole = (days is None or 1 <= days <= 36_500) and (late is None or 0 <= late <= 36_500)
    if claim.level not in ("", "borrower", "facility") or not is_whole:
        raise ModelFileError(refusal("claim", "must be of a known level and length", str(claim)))


def _check_table(table: PointTable) -> None:
    """Refuse one table that contradicts itself."""
    where = f"table {table.name!r}"
    if table.kind not in ("numeric", "flag", "category") or table.code not in REASONS:
        raise ModelFileError(refusal(where, "must be of a known kind and code", table.kind))
    steps = len(table.levels) if table.kind == "category" else len(table.cuts)
    if table.kind == "category" and (table.cuts or len(set(table.levels)) != steps):
        raise ModelFileError(refusal(where, "must have different levels", steps))
    if len(table.points) != steps + 1:
        raise ModelFileError(refusal(where, "must have a step for each cut", len(table.points)))
    if not len(table.rows) == len(table.defaults) == steps + 2:
        raise ModelFileError(refusal(where, "must have counts for each step", len(table.rows)))
    if not all(0 <= bad <= all_ for bad, all_ in zip(table.defaults, table.rows, strict=True)):
        raise ModelFileError(refusal(where, "must have defaults among its rows", "other counts"))
    if not 0 <= table.missing_share <= 1 or not table.low <= table.median <= table.high:
        raise ModelFileError(refusal(where, "must have a range and share", "ones out of order"))
    if any(a >= b for a, b in zip(table.cuts[:-1], table.cuts[1:], strict=True)):
        raise ModelFileError(refusal(where, "must have rising cuts", "a tie or a fall"))
    if any(abs(p) > _LARGEST_POINTS for p in (*table.points, table.missing_points)):
        raise ModelFileError(refusal(where, "must have points within a million", "more"))
    if not min(every := (*table.points, table.missing_points)) <= table.reference <= max(every):
        raise ModelFileError(refusal(where, "must refer to its own points", table.reference))
    if table.direction not in (-1, 0, 1) or (table.direction and table.kind == "category"):
        raise ModelFileError(refusal(where, "must have a direction", table.direction))
    if table.direction and not falls(table.points, table.direction):
        raise ModelFileError(refusal(where, "must follow its direction", "points that do not"))


def falls(points: tuple[int, ...], direction: int) -> bool:
    """Tell whether points never rise (direction +1: more is riskier) or never fall (-1)."""
    return all(direction * (a - b) >= 0 for a, b in itertools.pairwise(points))
