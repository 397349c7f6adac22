"""Where the values of features go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from alicredit.declarations import Feature
from alicredit.windows.grouped import Reals


@dataclass(frozen=True, eq=False)
class Answers:
    """Values of features, to be filled in: a row a feature, a column a question.

    Parameters
    ----------
    places : mapping of str to int
        Feature -> its place among ``rows``.
    rows : float64 array, features by questions
        Of any content until a feature is answered.

    Examples
    --------
    >>> answers = Answers({"age": 0}, np.zeros((1, 2)))
    >>> answers["age"][1] = 7
    >>> answers.rows.tolist()
    [[0.0, 7.0]]
    """

    places: Mapping[str, int]
    rows: Reals

    @classmethod
    def to(cls, features: Iterable[Feature], questions: int) -> Answers:
        """Make room for the answers of some features to so many questions."""
        places = {feature.name: at for at, feature in enumerate(features)}
        return cls(places, np.empty((len(places), questions)))

    def __getitem__(self, name: str) -> Reals:
        """Give a feature's row itself: what is written into it is its answer."""
        row: Reals = self.rows[self.places[name]]
        return row
