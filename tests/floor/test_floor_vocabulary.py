"""Codes are unique across kinds and readable in both languages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit.errors import InputError
from alicredit.vocabulary import (
    COLLECTION_STEPS,
    DECISIONS,
    FEED_STATUSES,
    LOAN_GRADES,
    OUTCOMES,
    REASONS,
    STAGES,
    STATUSES,
    TOOLS,
    VERDICTS,
    VOLUME_STATUSES,
    input_code,
    reason_text,
    reason_word,
)

RECOVERY = (STAGES, COLLECTION_STEPS, OUTCOMES, VERDICTS, TOOLS)
WATCHING = (FEED_STATUSES, VOLUME_STATUSES, LOAN_GRADES)
ALL = [
    word
    for words in (STATUSES, DECISIONS, REASONS, *RECOVERY, *WATCHING)
    for word in words.values()
]


@pytest.mark.parametrize("word", ALL, ids=lambda word: f"{word.kind}-{word.code}")
def test_each_word_has_a_text_in_english_and_in_chinese(word) -> None:
    assert re.search(r"[a-z]{2}", word.text)
    assert re.search(r"[一-鿿]", word.text_zh)
    assert not re.search(r"[一-鿿]", word.text)


def test_reason_codes_are_upper_case_and_statuses_are_not() -> None:
    assert all(code == code.upper() for code in REASONS)
    lower = (STATUSES, DECISIONS, *RECOVERY, *WATCHING)
    assert all(code == code.lower() for words in lower for code in words)


def test_texts_tell_reasons_apart() -> None:
    assert len({word.text for word in REASONS.values()}) == len(REASONS)
    assert len({word.text_zh for word in REASONS.values()}) == len(REASONS)


def test_the_codes_named_for_rules_and_scores_are_all_there() -> None:
    rules = {"ELIG_REGION", "ELIG_MEMBERSHIP", "ELIG_TENURE", "ELIG_SHOP_MONTHS", "ELIG_LIMIT_MIN",
             "PRODUCT_NOT_LAUNCHED", "BLACKLIST", "CURRENT_OVERDUE", "MISSING_DATA", "LENDER_CAP",
             "RATE_CAP"}  # fmt: skip
    assert rules <= set(REASONS)


def test_unknown_codes_and_languages_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'SC_RATING'"):
        reason_text("SC_RATINGS")
    with pytest.raises(InputError, match="language"):
        reason_text("SC_RATING", language="fr")


@given(st.text(min_size=1))
def test_a_reason_of_an_unheld_input_names_it_in_both_languages(name: str) -> None:
    code = input_code("SC_OTHER", name)
    for language in ("en", "zh"):
        assert reason_text(code, language=language).endswith(name)
    assert reason_word(code).code == code
    assert reason_word(code).kind == "score"


@given(st.sampled_from(sorted(set(REASONS) - {"SC_OTHER"})), st.text())
def test_only_the_unheld_family_takes_a_name(family: str, name: str) -> None:
    assert input_code(family, name) == family
    with pytest.raises(InputError):
        reason_text(f"{family}:{name}")


@pytest.mark.parametrize("code", ["SC_OTHER:", "", ":", "sc_other:a", None, 3, float("nan")])
def test_what_is_no_code_is_refused(code) -> None:
    with pytest.raises(InputError, match="code"):
        reason_text(code)


def test_vocabularies_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REASONS["NEW"] = REASONS["BLACKLIST"]  # type: ignore[index]
