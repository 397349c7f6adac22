"""Probabilities of unlike claims are neither compared nor combined."""

from __future__ import annotations

import itertools

import pytest

from alicredit.errors import InputError
from alicredit.labels import DefaultDefinition
from alicredit.portable import Claim
from alicredit.score import require_same_claim

YEAR = Claim(365, "borrower", 90)
UNLIKE = [
    Claim(90, "borrower", 90),
    Claim(365, "facility", 90),
    Claim(365, "borrower", 30),
    Claim(),
]


def test_the_same_claim_passes_in_any_dress() -> None:
    asked = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    defined = DefaultDefinition(days_past_due=90, horizon_days=365)
    for one, other in itertools.product((YEAR, asked, defined), repeat=2):
        require_same_claim("models", one, other)


@pytest.mark.parametrize("other", UNLIKE, ids=str)
def test_unlike_claims_are_refused_whichever_comes_first(other) -> None:
    for pair in ((YEAR, other), (other, YEAR)):
        with pytest.raises(InputError, match="models must claim the same"):
            require_same_claim("models", *pair)


def test_what_is_not_stated_may_pass_where_that_is_asked_for() -> None:
    for pair in ((YEAR, {}), ({}, YEAR), (Claim(), YEAR), ({"level": "borrower"}, YEAR)):
        require_same_claim("y", *pair, is_stated=False)
    with pytest.raises(InputError, match="the same level, borrower; found facility"):
        require_same_claim("y", YEAR, {"level": "facility"}, is_stated=False)


def test_two_that_state_nothing_agree() -> None:
    require_same_claim("models", Claim(), {})
