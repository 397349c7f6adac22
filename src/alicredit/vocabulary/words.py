"""What a word of a closed vocabulary is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of a vocabulary.

    Parameters
    ----------
    code : str
        What programs compare.
    text : str
        What a person reads, in English.
    text_zh : str
        The same in Chinese.
    kind : str
        Which group the word belongs to.
    """

    code: str
    text: str
    text_zh: str
    kind: str


def vocabulary(kind: str, *rows: tuple[str, str, str]) -> dict[str, Word]:
    """Make the words of one kind from literal rows of code, text and Chinese text."""
    return {code: Word(code, text, text_zh, kind) for code, text, text_zh in rows}
