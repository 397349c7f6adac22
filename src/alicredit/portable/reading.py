"""Values of a model file, each taken as what it must be or refused, within limits of number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alicredit.checks import refusal
from alicredit.errors import ModelFileError
from alicredit.portable.limits import (
    LARGEST_FACT,
    LARGEST_WHOLE,
    MOST_FACTS,
    MOST_GRADES,
    MOST_NODES,
    MOST_PAIRS,
    MOST_REFERENCES,
    MOST_SCORES,
    MOST_SPECIALS,
    MOST_STEPS,
    MOST_TABLES,
    MOST_TEXT,
)
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import Claim, PointTable
from alicredit.portable.trees import TreeTable
from alicredit.score import PointScale

_SINCE_2: Mapping[str, Any] = {"unit": 1, "pairs": [], "trees": None}
_SINCE_3: Mapping[str, Any] = {"reasons": {}, "grades": []}
"""What files of older versions do not have: they load as if they had these."""
SPECIAL_KEYS = ("specials", "special_points")
"""What a table of version 3 has where its input has special codes."""


def model_of(content: Mapping[str, Any], model_id: str) -> ScoreModel:
    """Make a model of content, each value of its type."""
    scale, claim = content["scale"], content["claim"]
    newer = {**_SINCE_2, **_SINCE_3, **content}
    for version, since in ((2, _SINCE_2), (3, _SINCE_3)):
        if (content["format_version"] >= version) is not (since.keys() <= content.keys()):
            raise ModelFileError(refusal("content", "must have the keys of its version", "others"))
    if content["format_version"] < 3 and any("specials" in each for each in content["tables"]):
        raise ModelFileError(refusal("tables", "must have the keys of their version", "others"))
    model = ScoreModel(
        tables=tuple(_table(each) for each in _list(content["tables"], MOST_TABLES)),
        pairs=tuple(_pair(each) for each in _list(newer["pairs"], MOST_PAIRS)),
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
        reasons=_reasons(newer["reasons"]),
        grades=tuple(_grade(each) for each in _list(newer["grades"], MOST_GRADES)),
        model_id=model_id,
    )
    if content["shape"] != model.shape:
        raise ModelFileError(refusal("shape", f"must be {model.shape!r}", "another"))
    return model


def _reasons(value: Any) -> dict[str, tuple[str, str]]:
    """Take the English and the Chinese text of each code."""
    if not isinstance(value, dict) or len(value) > MOST_TABLES:
        raise ModelFileError(refusal("reasons", "must map codes to texts", type(value).__name__))
    return {_text(code): _two(_texts(each)) for code, each in value.items()}


def _grade(value: Any) -> tuple[str, float]:
    """Take a grade's name and its highest probability."""
    name, highest = _two(_list(value, 2))
    return _text(name), float(_number(highest))


def _two(value: Sequence[Any]) -> tuple[Any, Any]:
    """Take two entries."""
    if len(value) != 2:
        raise ModelFileError(refusal("a list", "must have two entries", len(value)))
    return value[0], value[1]


def _table(content: Mapping[str, Any]) -> PointTable:
    """Make a table of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(
        ("name", "kind", "code", "title", "title_zh", "unit"), _text
    )
    readers |= dict.fromkeys(("low", "high", "median", "missing_share"), _number)
    readers |= dict.fromkeys(("missing_points", "reference", "direction"), _whole)
    readers |= dict.fromkeys(("points", "rows", "defaults"), _wholes)
    readers |= {"cuts": _numbers, "levels": _texts, "sources": _texts}
    if "specials" in content:
        readers |= {"specials": _numbers, "special_points": _wholes}
    return PointTable(**_read_fields("table", content, readers))


def _pair(content: Mapping[str, Any]) -> PairTable:
    """Make a pair of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(("first", "second"), _text)
    readers |= dict.fromkeys(("first_cuts", "second_cuts"), _numbers)
    readers |= dict.fromkeys(("first_groups", "second_groups"), _wholes)
    readers |= {"values": _rows_of(_wholes, MOST_STEPS), "reference": _whole}
    return PairTable(**_read_fields("pair", content, readers))


def _trees(content: Mapping[str, Any]) -> TreeTable:
    """Make trees of content."""
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(
        ("roots", "feature", "left", "right", "leaves"), _rows_of(_whole, MOST_NODES)
    )
    readers |= {"cut": _rows_of(lambda x: float(_number(x)), MOST_NODES)}
    readers |= {"missing_left": _rows_of(_truth, MOST_NODES)}
    readers |= {"levels": _rows_of(_wholes, MOST_NODES)}
    readers |= {"reference": _rows_of(_rows_of(_known, MOST_TABLES), MOST_REFERENCES)}
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
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_WHOLE:
        raise ModelFileError(refusal("a number", "must be whole", str(value)[:40]))
    return value


def _number(value: Any) -> float:
    """Take a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelFileError(refusal("a number", "must be finite", str(value)[:40]))
    return value


def _text(value: Any) -> str:
    """Take a text of bounded length."""
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise ModelFileError(refusal("a text", "must be a short text", str(value)[:40]))
    return value


def _numbers(value: Any) -> tuple[float, ...]:
    """Take finite numbers."""
    return tuple(float(_number(each)) for each in _list(value, MOST_SCORES))


def _wholes(value: Any) -> tuple[int, ...]:
    """Take whole numbers."""
    return tuple(_whole(each) for each in _list(value, MOST_STEPS + 2 + MOST_SPECIALS))


def _texts(value: Any) -> tuple[str, ...]:
    """Take short texts."""
    return tuple(_text(each) for each in _list(value, MOST_STEPS))


def _facts(value: Any) -> dict[str, Any]:
    """Take the facts of training: words that name single values."""
    if not isinstance(value, dict) or len(value) > MOST_FACTS:
        raise ModelFileError(refusal("training", "must map words to values", type(value).__name__))
    for key, fact in value.items():
        is_text = len(_text(key)) > 0 and isinstance(fact, str) and len(fact) <= MOST_TEXT
        is_number = isinstance(fact, int | float) and abs(fact) < LARGEST_FACT
        if not (is_text or is_number or fact is None):
            raise ModelFileError(refusal("training", "must hold single values", type(fact)))
    return dict(value)
