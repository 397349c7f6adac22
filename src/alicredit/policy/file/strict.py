"""Reading a policy's tables strictly, by the schema: each refusal names key, line and value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from alicredit.checks import nearest, refusal
from alicredit.errors import PolicyError
from alicredit.policy.file.places import Path
from alicredit.policy.file.schema import KEYS, OWN_BOUNDS, SETTABLE, Key, children
from alicredit.policy.terms import Bound

_MOST_DECIMALS = 12


@dataclass(frozen=True)
class Table:
    """One table as read: values by key, and where it stands."""

    values: Mapping[str, Any]
    path: Path = ()
    lines: Mapping[Path, int] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        """Give the value of a key; None where it is absent."""
        return self.values.get(key)

    def table(self, key: str) -> Table:
        """Give a table within, an empty one where it is absent."""
        found = self.values.get(key)
        return found if isinstance(found, Table) else Table({}, (*self.path, key), self.lines)

    def refuse(self, key: str, rule: str, found: object, do: str = "") -> PolicyError:
        """Compose the refusal of one key."""
        return refused((*self.path, key) if key else self.path, self.lines, rule, found, do)


def refused(
    path: Path, lines: Mapping[Path, int], rule: str, found: object, do: str = ""
) -> PolicyError:
    """Compose the refusal of what stands at a path."""
    return PolicyError(refusal(place(path, lines), rule, found, do))


def place(path: Path, lines: Mapping[Path, int]) -> str:
    """Say where something stands: ``products[2].rate.value (line 98)``."""
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    text = text.removeprefix(".") or "policy"
    return f"{text} (line {lines[path]})" if lines else text


def read_table(
    content: object, prefix: str, *, path: Path = (), lines: Mapping[Path, int]
) -> Table:
    """Read a table: every key known, every value of its form, what must be there is there."""
    if not isinstance(content, Mapping):
        raise refused(path, lines, "must be a table", type(content).__name__)
    known = children(prefix)
    for key in content:
        if key not in known:
            hint = nearest(key, known)
            raise refused((*path, key), lines, "must be a known key", repr(key), hint)
    values = {
        name: _read(content[name], key, (*path, name), lines)
        for name, key in known.items()
        if name in content
    }
    for name, key in known.items():
        if key.needed == "always" and name not in content:
            raise refused((*path, name), lines, "must be given", "nothing", _allowed(key))
    return Table(values, path, lines)


def _allowed(key: Key) -> str:
    """Say what a key that lacks may be."""
    if key.words:
        return nearest("", key.words)
    return f"{key.text}, from {key.low} to {key.high}" if key.low else key.text


def _read(value: object, key: Key, path: Path, lines: Mapping[Path, int]) -> Any:
    """Read one value by its form."""
    if key.form == "table":
        return read_table(value, key.path, path=path, lines=lines)
    if key.form == "tables":
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            raise refused(path, lines, "must be a list of tables", type(value).__name__)
        return [
            read_table(each, key.path, path=(*path, k), lines=lines) for k, each in enumerate(value)
        ]

    def refuse(rule: str, found: object, do: str = "", *, at: Path = ()) -> PolicyError:
        return refused((*path, *at), lines, rule, found, do)

    return FORMS[key.form](value, key, refuse)


Refuse = Callable[..., PolicyError]


def _text(value: object, _key: Key, refuse: Refuse) -> str:
    """Take a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise refuse("must be a text", repr(value))
    if not value.isprintable():
        raise refuse("must be a text of one line without control characters", repr(value))
    return value


def _word(value: object, key: Key, refuse: Refuse) -> str:
    """Take one of the allowed words."""
    text = _text(value, key, refuse)
    if text not in key.words:
        raise refuse("must be an allowed word", repr(text), nearest(text, key.words))
    return text


def _texts(value: object, key: Key, refuse: Refuse) -> tuple[str, ...]:
    """Take a list of texts, each another."""
    if not isinstance(value, list) or not value:
        raise refuse("must be a list of texts", repr(value))
    texts = tuple(_text(each, key, refuse) for each in value)
    if len(set(texts)) < len(texts):
        raise refuse("must be texts, each another", repr(value))
    return texts


def _words(value: object, key: Key, refuse: Refuse) -> tuple[str, ...]:
    """Take a list of allowed words, each another."""
    if not isinstance(value, list) or not value:
        raise refuse("must be a list of words", repr(value))
    for each in value:
        if not isinstance(each, str) or each not in key.words:
            hint = nearest(str(each), key.words)
            raise refuse("must hold allowed words", repr(each), hint)
    if len(set(value)) < len(value):
        raise refuse("must be words, each another", repr(value))
    return tuple(value)


def _paths(value: object, key: Key, refuse: Refuse) -> tuple[str, ...]:
    """Take a list of keys of the table around, or of tables within it."""
    if not isinstance(value, list):
        raise refuse("must be a list of texts", repr(value))
    prefix = key.path.rpartition(".")[0]
    known = [path[len(prefix) + 1 :] for path in KEYS if path.startswith(f"{prefix}.")]
    for each in value:
        if not isinstance(each, str) or each not in known:
            rule = f"must hold keys of {prefix}"
            raise refuse(rule, repr(each), nearest(str(each), known))
    if len(set(value)) < len(value):
        raise refuse("must be keys, each another", repr(value))
    return tuple(value)


def exact(value: object, key: Key, refuse: Refuse) -> Decimal:
    """Take an exact number within bounds, written as text or number."""
    try:
        is_number = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
        number = Decimal(str(value)) if is_number else Decimal("nan")
    except InvalidOperation as error:
        raise refuse("must be a number", repr(value)) from error
    if not number.is_finite() or (isinstance(value, str) and "_" in value):
        raise refuse("must be a number", repr(value))
    if not Decimal(key.low) <= number <= Decimal(key.high):
        raise refuse(f"must lie from {key.low} to {key.high}", value)
    digits = -int(number.normalize().as_tuple().exponent)
    if digits > _MOST_DECIMALS:
        do = 'write it in quotes, as in "0.015"'
        raise refuse(f"must have at most {_MOST_DECIMALS} decimals", value, do)
    return abs(number) if number == 0 else number


def _share(value: object, key: Key, refuse: Refuse) -> float:
    """Take an estimate: a number within bounds that need not be exact in decimals."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise refuse("must be a number", repr(value))
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise refuse("must be a number", repr(value)) from error
    if not math.isfinite(number) or (isinstance(value, str) and "_" in value):
        raise refuse("must be a number", repr(value))
    if not float(key.low) <= number <= float(key.high):
        raise refuse(f"must lie from {key.low} to {key.high}", value)
    return number + 0.0


def _floats(value: object, key: Key, refuse: Refuse) -> tuple[float, ...]:
    """Take a list of estimates."""
    if not isinstance(value, list) or not value:
        raise refuse("must be a list of numbers", repr(value))
    if any(isinstance(each, str | bool | list | dict) for each in value):
        raise refuse("must be a list of numbers", repr(value))
    return tuple(_share(each, key, refuse) for each in value)


def _whole(value: object, key: Key, refuse: Refuse) -> int:
    """Take a whole number within bounds."""
    whole = value if isinstance(value, int) and not isinstance(value, bool) else None
    if whole is None or not int(key.low) <= whole <= int(key.high):
        raise refuse(f"must be a whole number from {key.low} to {key.high}", repr(value))
    return whole


def _flag(value: object, _key: Key, refuse: Refuse) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise refuse("must be true or false", repr(value))
    return value


def _day(value: object, _key: Key, refuse: Refuse) -> date:
    """Take a date without a time."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise refuse("must be a date such as 2013-03-01", repr(value))
    return value


def _claims(value: object, _key: Key, refuse: Refuse) -> tuple[tuple[str, int], ...]:
    """Read which probabilities the product takes: level and horizon in days."""
    good = isinstance(value, list) and value and all(
        isinstance(c, list) and len(c) == 2 and c[0] in ("borrower", "facility")
        and type(c[1]) is int and 0 < c[1] <= 36_500
        for c in value
    )  # fmt: skip
    if not good or not isinstance(value, list):
        raise refuse('must be a list such as [["borrower", 365]]', repr(value))
    return tuple((level, horizon) for level, horizon in value)


def _amounts(value: object, key: Key, refuse: Refuse) -> dict[str, Any]:
    """Take a table of names that the file chooses, with a number each."""
    if not isinstance(value, Mapping):
        raise refuse("must be a table", type(value).__name__)
    read = _share if key.unit == "share" else exact
    return {name: read(each, key, _within(refuse, name)) for name, each in value.items()}


def _within(refuse: Refuse, name: str) -> Refuse:
    """Refuse at a key within."""
    return lambda rule, found, do="", at=(): refuse(rule, found, do, at=(name, *at))


def _settable(value: object, refuse: Refuse, *, own: bool) -> dict[str, Key]:
    """Take a table whose keys are terms that may be set; give the key whose place each takes."""
    if not isinstance(value, Mapping):
        raise refuse("must be a table", type(value).__name__)
    names = [name for name in SETTABLE if own or name not in OWN_BOUNDS]
    for name in value:
        if name not in names:
            do = nearest(name, names)
            if name in OWN_BOUNDS:
                do = "its bounds stand in the product's rate and limit"
            raise refuse("must be a term that may be set", repr(name), do, at=(name,))
    return {name: KEYS[f"products.{SETTABLE[name]}"] for name in names if name in value}


def _bounds(value: object, _key: Key, refuse: Refuse) -> dict[str, Bound]:
    """Take from where to where terms may be set."""
    found = {}
    for name, of in _settable(value, refuse, own=False).items():
        pair, here = value[name], _within(refuse, name)  # type: ignore[index]
        if not isinstance(pair, Mapping) or set(pair) != {"min", "max"}:
            raise here('must be a table such as {min = "0", max = "0.03"}', repr(pair))
        ends = {end: exact(pair[end], of, _within(here, end)) for end in ("min", "max")}
        found[name] = Bound(**ends)
        if found[name].min > found[name].max:
            raise here("must have min not above max", f"{pair['min']} and {pair['max']}")
    return found


def _overrides(value: object, _key: Key, refuse: Refuse) -> dict[str, Any]:
    """Take terms set in place of the product's own."""
    keys = _settable(value, refuse, own=True)
    return {
        name: FORMS[of.form](value[name], of, _within(refuse, name))  # type: ignore[index]
        for name, of in keys.items()
    }


FORMS: Mapping[str, Callable[[object, Key, Refuse], Any]] = {
    "text": _text,
    "word": _word,
    "texts": _texts,
    "words": _words,
    "paths": _paths,
    "exact": exact,
    "share": _share,
    "floats": _floats,
    "whole": _whole,
    "flag": _flag,
    "day": _day,
    "claims": _claims,
    "amounts": _amounts,
    "bounds": _bounds,
    "overrides": _overrides,
}
"""How each form of value is read."""
