"""Codes are unique across kinds and readable in both languages."""

from __future__ import annotations

import re

import pytest

from alicredit.errors import InputError
from alicredit.vocabulary import DECISIONS, REASONS, STATUSES, reason_text

ALL = [*STATUSES.values(), *DECISIONS.values(), *REASONS.values()]


@pytest.mark.parametrize("word", ALL, ids=lambda word: word.code)
def test_each_word_has_a_text_in_english_and_in_chinese(word) -> None:
    assert re.search(r"[a-z]{2}", word.text)
    assert re.search(r"[一-鿿]", word.text_zh)
    assert not re.search(r"[一-鿿]", word.text)


def test_reason_codes_are_upper_case_and_statuses_are_not() -> None:
    assert all(code == code.upper() for code in REASONS)
    assert all(code == code.lower() for code in [*STATUSES, *DECISIONS])


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


def test_vocabularies_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REASONS["NEW"] = REASONS["BLACKLIST"]  # type: ignore[index]
