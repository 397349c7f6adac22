"""The model as one file of Python that needs the standard library alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alicredit.checks import refuse, write_whole
from alicredit.exports.python_text import HEAD, MAIN, PAIRS, READ, TABLES
from alicredit.exports.python_trees import TREES
from alicredit.portable.contract import MOST_MISSING, ROW_STATUSES
from alicredit.portable.pairs import PairTable
from alicredit.portable.reasons import said_by
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable
from alicredit.vocabulary import STATUSES

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel


def to_python(model: ScoreModel, path: str | Path | None = None) -> str:
    """Write a model as a Python file; see ``ScoreModel.to_python``."""
    from alicredit.portable.checking import check_model

    check_model(model)
    text = "".join([HEAD, *_values(model), READ, *_code(model), MAIN])
    if path is not None:
        write_whole("path", path, text.encode())
    return text


def literal(value: Any) -> str:
    """Write plain data as Python; every text is escaped, anything else refused.

    Examples
    --------
    >>> print(literal({"it's": (1, 0.1, None, True)}))
    {"it's": (1, 0.1, None, True)}
    >>> literal(float("inf"))
    Traceback (most recent call last):
    alicredit.errors.InputError: model must hold plain data; found inf.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return repr(float(value))
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, tuple | list):
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, Mapping):
        pairs = (f"{literal(key)}: {literal(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return refuse("model", "must hold plain data", repr(value)[:40])


def _code(model: ScoreModel) -> Iterable[str]:
    """Give the code of a shape."""
    if model.trees is not None:
        return (TREES,)
    return (TABLES, PAIRS) if model.pairs else (TABLES,)


def _values(model: ScoreModel) -> Iterable[str]:
    """Write the model's values, a line for each table, pair, tree and point."""
    codes = sorted({table.reason for table in model.tables})
    texts = {code: said_by(model, code) for code in codes}
    statuses = {code: (STATUSES[code].text, STATUSES[code].text_zh) for code in ROW_STATUSES}
    training = dict(sorted(model.training.items()))
    single = {
        "MODEL_ID": model.model_id, "SHAPE": model.shape, "CLAIM": asdict(model.claim),
        "CATALOGUE_DIGEST": model.catalogue_digest, "TRAINING": training,
        "SCALE": asdict(model.scale), "UNIT": model.unit, "BASE": model.base,
        "FIRST_SCORE": model.first_score, "MOST_MISSING": MOST_MISSING,
    }  # fmt: skip
    yield "\n" + "".join(f"{name} = {literal(value)}\n" for name, value in single.items())
    yield _listed("STATUS_TEXTS", (_entry(*each) for each in statuses.items()), ("{", "}"))
    yield _listed("REASON_TEXTS", (_entry(*each) for each in texts.items()), ("{", "}"))
    is_plain = model.trees is None
    yield _listed("INPUTS", (literal(_input(t, has_points=is_plain)) for t in model.tables))
    if model.trees is None:
        yield _listed("PAIRS", (literal(_pair(pair)) for pair in model.pairs))
    else:
        yield _listed("TREES", (literal(tree) for tree in _trees(model.trees)))
        rows = (tuple(_known(value) for value in row) for row in model.trees.reference)
        yield _listed("REFERENCES", (f"({', '.join(row)},)" for row in rows))
    points = zip(model.lowers, model.pds, model.uppers, strict=True)
    lines = (f"{' '.join(map(literal, each))}\n" for each in points)
    yield "# Lower bound, probability and upper bound at each whole point from FIRST_SCORE.\n"
    yield f'PDS = """\\\n{"".join(lines)}"""\n'


def _listed(name: str, lines: Iterable[str], brackets: tuple[str, str] = ("(", ")")) -> str:
    """Write a constant of many lines."""
    body = "".join(f"    {line},\n" for line in lines)
    first, last = brackets
    return f"{name} = {first}\n{body}{last}\n" if body else f"{name} = {first}{last}\n"


def _entry(key: str, value: Any) -> str:
    """Write one entry of a mapping."""
    return f"{literal(key)}: {literal(value)}"


def _known(value: float | None) -> str:
    """Write one value of a reference row."""
    return "math.nan" if value is None else literal(float(value))


def _input(table: PointTable, *, has_points: bool) -> dict[str, Any]:
    """Lay out one input: its contract, and its points where it has some."""
    contract: dict[str, Any] = {
        "name": table.name, "kind": table.kind, "low": float(table.low), "high": float(table.high),
        "levels": table.levels, "code": table.reason, "title": table.title,
        "title_zh": table.title_zh, "unit": table.unit, "direction": table.direction,
        "sources": table.sources,
    }  # fmt: skip
    if table.specials:
        contract["specials"] = table.specials
    if not has_points:
        return contract
    if table.specials:
        contract["special_points"] = table.special_points
    return contract | {
        "cuts": tuple(map(float, table.cuts)), "points": table.points,
        "missing_points": table.missing_points, "reference": table.reference,
    }  # fmt: skip


def _pair(pair: PairTable) -> dict[str, Any]:
    """Lay out one pair."""
    return {
        "first": pair.first, "second": pair.second,
        "first_cuts": tuple(map(float, pair.first_cuts)),
        "second_cuts": tuple(map(float, pair.second_cuts)), "first_groups": pair.first_groups,
        "second_groups": pair.second_groups, "values": pair.values, "reference": pair.reference,
    }  # fmt: skip


def _trees(trees: TreeTable) -> Iterable[tuple[Any, ...]]:
    """Lay out each tree by itself: its root, its nodes, its leaves, numbered within it."""
    for root in trees.roots:
        nodes = _below(trees, root)
        ends = [root, *(end for at in nodes for end in (trees.left[at], trees.right[at]))]
        leaves = [end for end in ends if end < 0]
        new = {old: at for at, old in enumerate(nodes)}
        new |= {old: -at for at, old in enumerate(leaves, start=1)}
        yield (
            new[root],
            tuple(
                (
                    trees.feature[at], float(trees.cut[at]), trees.levels[at],
                    trees.missing_left[at], new[trees.left[at]], new[trees.right[at]],
                )
                for at in nodes
            ),
            tuple(trees.leaves[-old - 1] for old in leaves),
        )  # fmt: skip


def _below(trees: TreeTable, root: int) -> list[int]:
    """List the nodes of one tree from its root on."""
    found, stack = [], [root]
    while stack:
        at = stack.pop()
        if at >= 0:
            found.append(at)
            stack += (trees.right[at], trees.left[at])
    return found
