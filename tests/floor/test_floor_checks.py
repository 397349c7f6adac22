"""The guards accept what they should and say what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit import checks
from alicredit.errors import AlicreditError, InputError, PolicyError, RecordError


def test_every_error_is_one_family_and_input_errors_are_value_errors() -> None:
    assert issubclass(InputError, ValueError)
    for error in (InputError, PolicyError, RecordError):
        assert issubclass(error, AlicreditError)


@given(st.integers(), st.integers(-100, 100))
def test_require_whole_accepts_exactly_the_whole_numbers_from_low(value: int, low: int) -> None:
    if value >= low:
        checks.require_whole("n", value, low)
    else:
        with pytest.raises(InputError, match="at least"):
            checks.require_whole("n", value, low)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, math.nan])
def test_require_whole_refuses_what_is_not_whole(value: object) -> None:
    with pytest.raises(InputError):
        checks.require_whole("n", value, 0)


def test_require_whole_takes_numpy_integers_and_an_upper_bound() -> None:
    checks.require_whole("n", np.int64(3), 0, high=3)
    with pytest.raises(InputError, match="at most 3"):
        checks.require_whole("n", np.int64(4), 0, high=3)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, True, "0.5", None, 1.0001])
def test_require_between_refuses(value: object) -> None:
    with pytest.raises(InputError, match="share must be a number from 0 to 1"):
        checks.require_between("share", value, 0, 1)  # type: ignore[arg-type]


def test_require_between_raises_the_error_that_is_asked_for() -> None:
    with pytest.raises(PolicyError):
        checks.require_between("share", 2, 0, 1, error=PolicyError)
    checks.require_between("share", np.float64(1.0), 0, 1)


def test_a_misspelt_word_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'annuity'"):
        checks.require_one_of("method", "anuity", ("annuity", "bullet"))
    with pytest.raises(InputError):
        checks.require_one_of("method", 3, ("annuity",))  # type: ignore[arg-type]


def test_missing_columns_are_named() -> None:
    with pytest.raises(RecordError, match=r"'as_of'.*did you mean 'asof'"):
        checks.require_columns("frame", ["asof"], ["as_of"], error=RecordError)
    with pytest.raises(RecordError, match="'a', 'b'"):
        checks.require_columns("frame", [], ["a", "b"], error=RecordError)
