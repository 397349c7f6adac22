"""Training inputs as numbers: what each column is, and the levels of it that are learned."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import check_array

from alicredit.checks import refuse
from alicredit.portable.limits import MOST_STEPS, MOST_TEXT

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Specials = Mapping[str, tuple[float, ...]] | tuple[float, ...]

_FEWEST_OF_A_LEVEL = 20
MUCH = 0.2
"""Share of the rows in levels of fewer than 20 beyond which these are learned too (assumed)."""
_FEWEST_OF_MANY, _MOST_OF_MANY = 3, 500
"""Then those of so many rows are, the most frequent first, up to so many in all (assumed)."""
_MOST_CODES = 20
"""So many levels that are written as numbers may be codes (assumed)."""
_LARGEST = 1e300
"""From here on LightGBM takes all numbers for one."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Columns as float64: categories as codes of their learned levels, missing as NaN.

    A level seen fewer than 20 times (assumed) is not learned: it shares the table's ``other``. Of
    many levels, as postcodes, that would be most rows: then 3 are enough.
    ``specials`` are each input's special codes: NaN in ``X``, as they stand in ``raw``, which is
    None where no row has any.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    X: Floats
    directions: tuple[int, ...]
    specials: tuple[tuple[float, ...], ...] = ()
    raw: Floats | None = None

    @property
    def given(self) -> Floats:
        """Give the rows as a model reads them, with special codes as they stand."""
        return self.X if self.raw is None else self.raw

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(self.X)

    @property
    def category_positions(self) -> tuple[int, ...]:
        """Give the positions of category columns."""
        return tuple(at for at, kind in enumerate(self.kinds) if kind == "category")

    def take(self, rows: npt.NDArray[np.int64]) -> Inputs:
        """Keep some rows."""
        raw = None if self.raw is None else self.raw[rows]
        X = self.X[rows]
        return Inputs(self.names, self.kinds, self.levels, X, self.directions, self.specials, raw)


def data_digest(inputs: Inputs, label: Floats, weight: Floats) -> str:
    """Give a digest of the rows that are learned from, in whatever order: a fact of training."""
    about: list[Any] = [inputs.names, inputs.kinds, dict(inputs.levels)]
    if any(inputs.specials):
        about.append(inputs.specials)
    hashes = np.sort(_row_hashes(inputs.given, label, weight))
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    digest.update(hashes.astype("<u8").tobytes())
    return digest.hexdigest()


def order_by_content(inputs: Inputs, label: Floats, weight: Floats) -> npt.NDArray[np.int64]:
    """Order rows by what they hold, in whatever order they came.

    Rows that differ in special codes alone stand beside each other: to trees they are alike.
    """
    known = _row_hashes(inputs.X, label, weight)
    coded = known if inputs.raw is None else _row_hashes(inputs.raw, label, weight)
    return np.lexsort((coded, known))


def _row_hashes(values: Floats, label: Floats, weight: Floats) -> npt.NDArray[np.uint64]:
    """Give a number of what each row holds."""
    rows = pd.DataFrame(np.column_stack([values, label, weight]) + 0.0)
    return pd.util.hash_pandas_object(rows, index=False).to_numpy(np.uint64)


def read_inputs(X: Any, directions: Mapping[str, int], specials: Specials = ()) -> Inputs:
    """Read a frame; refuse infinities, empty input, columns of no known kind, unwritable texts.

    ``specials`` are special codes by name of input, or those of all numbers.
    """
    frame = as_frame(X)
    names = _names_of(frame)
    kinds, levels, columns, codes = [], {}, [], []
    for name, (_, column) in zip(names, frame.items(), strict=True):
        kind = _kind(name, column)
        if kind == "category":
            levels[name], values = _encoded(name, column)
        else:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            refuse(f"X[{name!r}]", "must be finite or missing", "an infinite value", "mend it")
        own = specials.get(name, ()) if isinstance(specials, Mapping) else specials
        kinds.append(kind)
        columns.append(values)
        codes.append(own if kind == "numeric" else ())
    signs = tuple(
        0 if kind == "category" else int(directions.get(name, 0))
        for name, kind in zip(names, kinds, strict=True)
    )
    raw = np.column_stack(columns)
    numbers = _without_specials(raw, codes)
    _refuse_huge(names, numbers)
    given = None if numbers is raw else raw
    return Inputs(names, tuple(kinds), levels, numbers, signs, tuple(codes), given)


def _names_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Name the columns; refuse a name that stands twice, and a frame without rows or columns."""
    names = tuple(map(str, frame.columns))
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        refuse("X", "must have columns of different names", f"{twice!r} twice")
    if not names or not len(frame):
        refuse("X", "must have rows and columns", f"shape {frame.shape}")
    if "" in names:
        refuse("X", "must have names of columns", f"none at position {names.index('')}", "name it")
    for name in names:
        _require_text("X", "names", name)
    return names


def _encoded(name: str, column: pd.Series) -> tuple[tuple[str, ...], Floats]:
    """Give the learned levels of a category, and its values as their positions."""
    text = column.astype(object).where(column.notna(), None)
    counts = {str(level): int(count) for level, count in text.value_counts().items()}
    levels = _kept(counts)
    _note_levels(name, counts, levels)
    if len(levels) > MOST_STEPS:
        rule, do = f"must have at most {MOST_STEPS:,} levels", "group them, or leave it out"
        refuse(f"X[{name!r}]", rule, len(levels), do)
    for level in levels:
        _require_text(f"X[{name!r}]", "levels", level)
    position = {level: float(at) for at, level in enumerate(levels)}
    other = float(len(levels))
    values = [np.nan if each is None else position.get(str(each), other) for each in text]
    return tuple(levels), np.array(values)


def _without_specials(raw: Floats, codes: Sequence[tuple[float, ...]]) -> Floats:
    """Give columns with special codes as missing: the very same array where none occurs."""
    is_code = {at: np.isin(raw[:, at], own) for at, own in enumerate(codes) if own}
    if not any(each.any() for each in is_code.values()):
        return raw
    numbers = raw.copy(order="K")
    for at, each in is_code.items():
        numbers[each, at] = np.nan
    return numbers


def _refuse_huge(names: tuple[str, ...], numbers: Floats) -> None:
    """Refuse a column with numbers that LightGBM does not tell apart."""
    for name, column in zip(names, numbers.T, strict=True):
        if (np.abs(column) >= _LARGEST).any():
            rule = f"must lie within {_LARGEST:g}, or be missing"
            do = "leave it missing, or name it in special_codes where it is a code"
            refuse(f"X[{name!r}]", rule, column[np.abs(column) >= _LARGEST][0], do)


def _note_levels(name: str, counts: Collection[str], kept: Collection[str]) -> None:
    """Log a category of which nothing is learned, and one that looks like numbers read as text."""
    if counts and not kept:
        said = "none of its %d levels has the rows to be learned: it says nothing as it is"
        log.warning(f"column %r: {said}; make it numbers if it holds such", name, len(counts))
    elif len(counts) > _MOST_CODES and _are_written_numbers(counts):
        said = "%d numbers as text are levels without an order"
        log.warning(f"column %r: {said}; make it numbers unless they are codes", name, len(counts))


def _are_written_numbers(texts: Collection[str]) -> bool:
    """Tell texts that numbers are written as, some with a point or a comma, which no code has."""
    try:
        for text in texts:
            float(text.replace(",", "."))
    except ValueError:
        return False
    return any("." in text or "," in text for text in texts)


def _require_text(where: str, what: str, text: str) -> None:
    """Refuse a name or level that no file could hold: of too many characters, or of half ones."""
    if len(text) > MOST_TEXT:
        rule = f"must have {what} of at most {MOST_TEXT:,} characters"
        refuse(where, rule, f"{text[:20]!r} and {len(text) - 20:,} more", "shorten it")
    try:
        text.encode()
    except UnicodeEncodeError:
        refuse(where, f"must have {what} that can be written", ascii(text[:40]), "mend its text")


def _kept(counts: Mapping[str, int]) -> list[str]:
    """Name the levels that are learned, in order; ``counts`` are the rows of each level.

    Examples
    --------
    >>> _kept({"b": 90, "a": 20, "c": 19})
    ['a', 'b']
    >>> _kept({"b": 40, "a": 19, "c": 2})
    ['a', 'b']
    """
    often = [level for level, count in counts.items() if count >= _FEWEST_OF_A_LEVEL]
    every = sum(counts.values())
    if every - sum(counts[level] for level in often) <= MUCH * every:
        return sorted(often)
    some = [level for level, count in counts.items() if count >= _FEWEST_OF_MANY]
    some.sort(key=lambda level: (-counts[level], level))
    return sorted(some[: max(len(often), _MOST_OF_MANY)])


def as_frame(X: Any) -> pd.DataFrame:
    """Take a frame, or name the columns of an array of numbers x0, x1 and so on.

    A frame of polars or a table of pyarrow keeps its names: directions, and what may not be learned
    from, are told by them.
    """
    if isinstance(X, pd.DataFrame):
        return X
    rule = "must be a frame or a two-dimensional array of numbers"
    if hasattr(X, "columns"):
        return _named_frame(X, rule)
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # a sparse one is told as sparse
        refuse("X", rule, type(X).__name__, "make it a frame: pandas.DataFrame(X)")
    if isinstance(X, np.ma.MaskedArray):  # whose mask would be lost
        X = np.where(np.ma.getmaskarray(X), np.nan, X.data)
    try:
        array = check_array(X, dtype=np.float64, ensure_all_finite=False, input_name="X")
    except ValueError as error:
        refuse("X", rule, f"({error})")
    return pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])])


def _named_frame(X: Any, rule: str) -> pd.DataFrame:
    """Take a frame of another kind with the names of its columns, missing values as missing."""
    table = X.to_arrow() if hasattr(X, "to_arrow") else X
    if not type(table).__module__.startswith("pyarrow"):
        refuse("X", rule, type(X).__name__, "make it a pandas.DataFrame")
    columns = {}
    for at, name in enumerate(table.schema.names):
        kind = table.schema.types[at]
        is_coded = hasattr(kind, "value_type") and hasattr(kind, "index_type")
        column = table.column(at).cast(kind.value_type) if is_coded else table.column(at)
        if name in columns:
            refuse("X", "must have columns of different names", f"{name!r} twice")
        columns[name] = column.to_pandas(types_mapper=pd.ArrowDtype)
    return pd.DataFrame(columns)


def _kind(name: str, column: pd.Series) -> str:
    """Tell numbers, flags and categories apart."""
    is_text = pd.api.types.is_string_dtype(column) or (
        column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "string"
    )  # of objects pandas before 3 calls none text that lacks a value
    if is_text or isinstance(column.dtype, pd.CategoricalDtype):
        if all(isinstance(v, str) for v in column.dropna()):
            return "category"
        found = pd.api.types.infer_dtype(column.dropna().astype(object))
        do = "convert it, as with .astype(str) where it is known"
        refuse(f"X[{name!r}]", "must hold text as a category", f"{found} values", do)
    if pd.api.types.is_bool_dtype(column):
        return "flag"
    if not pd.api.types.is_numeric_dtype(column) or column.dtype.kind not in "fiu":
        refuse(f"X[{name!r}]", "must be numbers, booleans or text", *_of_no_kind(column))
    return "numeric"


def _of_no_kind(column: pd.Series) -> tuple[str, str]:
    """Say what a column is that is neither numbers nor booleans nor text, and what to do."""
    kind, as_days = column.dtype, "convert it to numbers, as days up to the day of the question"
    if column.isna().all():
        return f"{kind}, all missing", "leave it out"
    if pd.api.types.is_datetime64_any_dtype(kind) or kind.kind == "m":
        return str(kind), as_days
    if pd.api.types.is_numeric_dtype(kind) and kind.kind == "O":  # decimals of Arrow
        return str(kind), "convert it to doubles: .astype('float64')"
    if not pd.api.types.is_object_dtype(kind):
        return str(kind), "convert it to numbers, booleans or text"
    held = pd.api.types.infer_dtype(column, skipna=True)
    if held in ("date", "datetime", "datetime64", "timedelta", "timedelta64"):
        return f"object ({held})", as_days
    do = "convert it to numbers (pandas.to_numeric), booleans (.astype('boolean')) or text"
    return f"object ({held})", do
