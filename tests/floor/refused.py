"""How a refusal must read: one line that says what, what must hold, what was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from alicredit.errors import AlicreditError


@contextmanager
def refused(*words: str, error: type[AlicreditError] = AlicreditError) -> Iterator[None]:
    """Expect a refusal in the library's own words, with each of ``words`` in it."""
    with pytest.raises(error) as caught:
        yield
    text = str(caught.value)
    assert "\n" not in text
    assert " must " in text
    assert "found" in text
    for word in words:
        assert word in text, text
