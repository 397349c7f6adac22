"""What a model may be asked for: its parameters, checked before anything is learned."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from alicredit.checks import (
    nearest,
    refusal,
    refuse,
    require_between,
    require_kind,
    require_mapping,
    require_one_of,
    require_one_order,
    require_whole,
)
from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.evaluation.arrays import require_sign
from alicredit.features import CATALOGUE
from alicredit.model.inputs import Inputs, Specials
from alicredit.model.shapes import SHAPES
from alicredit.portable.limits import MOST_SPECIALS
from alicredit.score import PointScale

_LARGEST = sys.float_info.max


def check_settings(model: Any) -> None:
    """Refuse parameters of a DefaultModel that mean nothing."""
    require_one_of("shape", model.shape, ("auto", *SHAPES))
    if model.max_steps is not None:
        require_whole("max_steps", model.max_steps, 2, high=60)
    require_whole("random_state", model.random_state, 0, high=2**31 - 10**6)
    require_whole("n_jobs", model.n_jobs, 1)
    if model.scale is not None:
        require_kind("scale", model.scale, PointScale, "must be a PointScale")
    read_specials(model.special_codes)
    if model.profit is not None and not callable(model.profit):
        refuse("profit", "must be a function of y and pd", type(model.profit).__name__)
    for name, low, high in (
        ("long_run_rate", 1e-9, 0.999999),
        ("sampling_rate", 1e-6, 1),
    ):
        value = getattr(model, name)
        if value is not None:
            require_between(name, value, low, high)


def read_specials(given: Any) -> Specials:
    """Give special codes, rising: by input, or those of all numbers."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return {str(name): _codes(f"special_codes[{name!r}]", own) for name, own in given.items()}
    return _codes("special_codes", given)


def _codes(where: str, given: Any) -> tuple[float, ...]:
    """Take a list of different, finite numbers."""
    is_list = isinstance(given, list | tuple | set | frozenset | np.ndarray)
    codes = list(given) if is_list else []
    is_right = all(
        isinstance(code, int | float | np.integer | np.floating)
        and not isinstance(code, bool)
        and -_LARGEST <= code <= _LARGEST
        for code in codes
    )
    if not codes or not is_right:
        found = repr(given)[:60]
        refuse(where, "must be a list of finite numbers", found, "as [-999, -998]")
    if len({float(code) for code in codes}) < len(codes) or len(codes) > MOST_SPECIALS:
        refuse(where, f"must be different numbers, at most {MOST_SPECIALS}", repr(given)[:60])
    return tuple(sorted(float(code) + 0.0 for code in codes))


def check_specials(given: Any, inputs: Inputs) -> None:
    """Refuse special codes of what is no input, or no number."""
    if not isinstance(given, Mapping):
        return
    kinds = dict(zip(inputs.names, inputs.kinds, strict=True))
    for name in map(str, given):
        if name not in kinds:
            hint = nearest(name, inputs.names)
            raise InputError(refusal("special_codes", "must name inputs", repr(name), hint))
        if kinds[name] != "numeric":
            refuse("special_codes", "must be of numbers", f"{name!r}, a {kinds[name]}")


def read_directions(given: Any) -> Mapping[str, int]:
    """Give the direction of risk by input name: none, the catalogue's or a user's own."""
    if given is None:
        return {}
    if isinstance(given, str):
        require_one_of("directions", given, ("catalogue",))
        return CATALOGUE.directions
    require_mapping("directions", given, "must map inputs to -1, 0 or +1")
    for name, sign in given.items():
        require_sign(f"directions[{name!r}]", sign)
    return {str(name): int(sign) for name, sign in given.items()}


def check_directions(given: Any, inputs: Inputs) -> None:
    """Refuse a user's own directions of what is no input, or of a category.

    Directions of built-in features that are not among the inputs may stay: a catalogue's serve any
    part of it.
    """
    if not isinstance(given, Mapping):
        return
    known = {*inputs.names, *CATALOGUE.names}
    absent = [name for name in map(str, given) if name not in known]
    if absent:
        hint = nearest(absent[0], inputs.names)
        raise InputError(refusal("directions", "must name inputs", repr(absent[0]), hint))
    kinds = dict(zip(inputs.names, inputs.kinds, strict=True))
    named = [name for name, sign in given.items() if sign and kinds.get(str(name)) == "category"]
    if named:
        rule = "must be 0 for a category: its levels have no order"
        refuse("directions", rule, f"{given[named[0]]!r} for {named[0]!r}")


def check_rows(rows: int, labels: int, cohort: Any, **given: Any) -> None:
    """Refuse labels, weights or a cohort of other rows than the inputs, or in another order."""
    if rows != labels:
        refuse("y", f"must have one value for each of the {rows} rows", labels)
    require_one_order(**given)
    if cohort is None:
        return
    require_kind("cohort", cohort, Cohort, "must be the Cohort of the rows")
    if len(cohort) != labels:
        refuse("cohort", f"must have one row for each of the {labels}", len(cohort))
