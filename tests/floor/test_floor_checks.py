"""The guards accept what they should and say what they refuse."""

from __future__ import annotations

import math
from types import MappingProxyType

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


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12)


@given(WORDS, WORDS, st.one_of(st.none(), st.integers(), WORDS), WORDS)
def test_a_refusal_holds_its_parts_in_order(argument, rule, found, do) -> None:
    text = checks.refusal(argument, rule, found, do)
    assert text.startswith(f"{argument} {rule}; found {found}.")
    assert ("Try: " in text) or not do or "Try: " in f"{argument}{rule}{found}"
    assert "\n" not in text
    if do.rstrip("."):
        assert text.endswith(f"Try: {do.rstrip('.')}.")


@given(st.lists(WORDS, max_size=30), WORDS)
def test_the_nearest_word_is_one_of_the_known(known: list[str], word: str) -> None:
    hint = checks.nearest(word, known)
    if not known:
        assert hint == ""
    elif hint.startswith("did you mean"):
        assert any(hint == f"did you mean {each!r}" for each in known)
    else:
        assert hint.startswith("use one of ")
        assert hint.count(", ") <= 20 + sum(each.count(", ") for each in known)


@given(st.lists(st.sampled_from(["amount", "as_of", "loan_id"]), min_size=1, unique=True))
def test_a_word_that_is_known_is_its_own_nearest(known: list[str]) -> None:
    for word in known:
        assert checks.nearest(word, known) == f"did you mean {word!r}"


@pytest.mark.parametrize("word", [None, 3, 2.5, [], {}, float("nan")], ids=repr)
def test_what_is_no_word_has_a_hint_all_the_same(word) -> None:
    assert checks.nearest(word, ["b", "a"]) == "use one of 'a', 'b'"


@given(st.integers(), st.integers(), st.integers())
def test_require_between_accepts_exactly_what_lies_between(value: int, a: int, b: int) -> None:
    low, high = min(a, b), max(a, b)
    if low <= value <= high:
        checks.require_between("n", value, low, high)
    else:
        with pytest.raises(InputError):
            checks.require_between("n", value, low, high)


@given(
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.lists(st.sampled_from("abcdef"), unique=True),
)
def test_columns_are_enough_exactly_when_none_lacks(have: list[str], need: list[str]) -> None:
    lacking = set(need) - set(have)
    if not lacking:
        checks.require_columns("frame", have, need)
        return
    with pytest.raises(InputError) as caught:
        checks.require_columns("frame", have, need)
    named = str(caught.value).split(";")[0]
    assert {name for name in "abcdef" if f"'{name}'" in named} == lacking


@pytest.mark.parametrize(
    ("value", "kind"), [("a", str), (3, int), ([], list), ({}, dict), (None, type(None))]
)
def test_what_is_of_a_kind_is_given_back(value, kind) -> None:
    assert checks.require_kind("x", value, kind, "must be so") is value


@pytest.mark.parametrize("value", [None, 3, [], {"a": 1}, 2.5, b"x"], ids=repr)
def test_what_is_of_another_kind_is_named_by_its_type(value) -> None:
    with pytest.raises(PolicyError, match=f"x must be a text; found {type(value).__name__}"):
        checks.require_kind("x", value, str, "must be a text", error=PolicyError)


@pytest.mark.parametrize("value", [{}, {"a": 1}, MappingProxyType({"a": 1})], ids=repr)
def test_a_mapping_of_any_type_is_given_back(value) -> None:
    assert checks.require_mapping("x", value, "must be a mapping") is value


@pytest.mark.parametrize("value", [None, 3, "a", ["a"], [("a", 1)]], ids=repr)
def test_what_is_no_mapping_is_named_by_its_type(value) -> None:
    with pytest.raises(PolicyError, match=f"x must map a to b; found {type(value).__name__}"):
        checks.require_mapping("x", value, "must map a to b", error=PolicyError)


@pytest.mark.parametrize("value", [None, 3, "", b"/tmp", ["a"], 2.5], ids=repr)
def test_what_is_no_path_is_refused(value) -> None:
    with pytest.raises(InputError, match="out must be a path"):
        checks.require_path("out", value)


def test_a_path_is_given_back_as_one(tmp_path) -> None:
    assert checks.require_path("out", str(tmp_path)) == tmp_path
    assert checks.require_path("out", tmp_path) == tmp_path


@pytest.mark.parametrize(
    "fault", [FileNotFoundError(2, "No such file"), IsADirectoryError(21, "x"), OSError("full")]
)
def test_a_place_that_cannot_be_written_is_named(fault: OSError) -> None:
    with (
        pytest.raises(RecordError, match=r"folder must be a place that can be written; found here"),
        checks.writing("folder", "here", error=RecordError),
    ):
        raise fault


def test_other_faults_while_writing_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), checks.writing("folder", "here"):
        _ = 1 / 0


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats()), max_size=5))
def test_require_numbers_takes_numbers_as_they_are_and_what_is_missing_as_nan(values) -> None:
    found = checks.require_numbers("x", values)
    assert found.dtype == np.float64
    expected = [math.nan if each is None else float(each) for each in values]
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float64))


@pytest.mark.parametrize(
    "values",
    [["low"], [[1], [1, 2]], np.array(["2013-05-01"], "M8[D]"), np.array([3], "m8[D]"), [1 + 2j]],
    ids=["word", "ragged", "date", "days", "complex"],
)
def test_require_numbers_says_once_what_it_refuses(values) -> None:
    """A refusal is a ValueError, and must not be taken for one of NumPy's and told again."""
    with pytest.raises(InputError) as refused:
        checks.require_numbers("x", values)
    assert str(refused.value).startswith("x must hold numbers; found ")
    assert str(refused.value).count("must hold numbers") == 1
