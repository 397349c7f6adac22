"""Past loans as a verb asks about them: what was known then, and what happened after."""

from __future__ import annotations

import pandas as pd

import alicredit as ac
from alicredit.checks import refuse
from alicredit.cli.show import step


def labelled(records: ac.Records) -> tuple[ac.Cohort, pd.DataFrame, pd.Series]:
    """Ask about every past loan: features as known then, and what happened after."""
    cohort = ac.Cohort.of_loans(records)
    with step(f"labelling {len(cohort):,} loans"):
        labels = ac.label_defaults(records, cohort)
    known = labels.notna().to_numpy()
    if not known.any():
        refuse("records", "must hold loans whose outcome is known", f"none of {len(cohort)}")
    cohort, attrs = cohort[known], labels.attrs
    labels = labels[known].reset_index(drop=True)
    labels.attrs = attrs
    with step(f"building {len(ac.CATALOGUE)} features of {len(cohort):,} loans"):
        features = ac.build_features(records, cohort)
    if features is None:
        refuse("features", "must come back as a frame", "none", error=ac.FeatureError)
    return cohort, features, labels
