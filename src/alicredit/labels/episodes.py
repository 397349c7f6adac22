"""Episodes of default: when each began, and when it was over, probation included."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.labels.definition import DefaultDefinition
from alicredit.ledger import Postings, find_spells, signs_in, signs_of_loans

FOREVER = np.datetime64("2262-01-01", "us")


def find_episodes(
    postings: Postings, definition: DefaultDefinition, threshold: int, by: str
) -> pd.DataFrame:
    """List defaults with the moment each began and the moment it was over, probation included."""
    spells = find_spells(
        postings, material_fen=definition.material_fen, material_share=definition.material_share
    ).beyond(threshold)
    cured = spells["settled_day"] + np.timedelta64(definition.probation_days, "D")
    parts = [pd.DataFrame({"who": spells[by], "start": spells["day"], "end": cured})]
    signs = signs_in(postings.events) if len(postings.events) else postings.events
    if by == "loan_id" and len(signs):
        signs = signs_of_loans(postings)
    if len(signs):
        probation = np.timedelta64(definition.restructure_probation_days, "D")
        over = (signs["day"] + probation).where(signs["kind"] == "restructured")
        watched = np.timedelta64(definition.probation_days, "D")
        over = over.fillna(signs["over_day"] + watched)
        parts.append(pd.DataFrame({"who": signs[by], "start": signs["day"], "end": over}))
    frame = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    frame["end"] = frame["end"].fillna(pd.Timestamp(FOREVER)).astype("datetime64[us]")
    return frame.sort_values(["who", "start"], ignore_index=True)


def any_between(
    asked: pd.Series,
    start: npt.NDArray[np.datetime64],
    end: npt.NDArray[np.datetime64],
    episodes: pd.DataFrame,
) -> npt.NDArray[np.bool_]:
    """Tell for each row whether an episode of it begins in (start, end]."""
    rows = pd.DataFrame({"who": asked.to_numpy(), "from": start, "to": end}).reset_index()
    pairs = rows.merge(episodes, on="who")
    hit = pairs[(pairs["start"] > pairs["from"]) & (pairs["start"] <= pairs["to"])]
    return np.isin(rows["index"].to_numpy(), hit["index"].unique())


def any_open(
    asked: pd.Series, at: npt.NDArray[np.datetime64], episodes: pd.DataFrame
) -> npt.NDArray[np.bool_]:
    """Tell for each row whether an episode of it had begun and was not over."""
    rows = pd.DataFrame({"who": asked.to_numpy(), "at": at}).reset_index()
    pairs = rows.merge(episodes, on="who")
    hit = pairs[(pairs["start"] <= pairs["at"]) & (pairs["end"] > pairs["at"])]
    return np.isin(rows["index"].to_numpy(), hit["index"].unique())
