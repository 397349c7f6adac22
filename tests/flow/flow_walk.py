"""What one walk through the library passes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

import alicredit as ac

AS_OF = "2013-05-01"


@dataclass(frozen=True)
class Walk:
    """The stations of one walk through the library."""

    records: ac.Records
    truth: pd.DataFrame
    cohort: ac.Cohort
    features: pd.DataFrame
    labels: pd.Series
    model: ac.DefaultModel
    decisions: pd.DataFrame
