"""Features built by other definitions than a model was trained on are refused in scoring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import InputError
from alicredit.features import are_defined_alike, digest_of_definitions, note_of_definitions
from alicredit.portable import ScoreModel

AS_OF = "2013-05-01"
NAMES = ("orders_paid_count_90d", "orders_paid_count_30d", "orders_buyers_90d")
USED = [name for name in NAMES if name in ac.CATALOGUE.names] or list(ac.CATALOGUE.names[:2])
OWN = ac.Feature(
    table="orders", aggregate="count", window_days=45, label="own_orders", title="own orders",
    title_zh="自定义订单数",
)  # fmt: skip


def other(name: str) -> Any:
    """Declare a built-in feature with more support, under its old name."""
    feature = ac.CATALOGUE[name]
    return replace(feature, min_support=feature.min_support + 3)


@pytest.fixture(scope="module")
def world() -> tuple[Any, pd.DataFrame, pd.Series, ScoreModel]:
    records, _ = ac.simulate_platform(150, seed=3)
    cohort = ac.Cohort.at(records, AS_OF)
    X = ac.build_features(records, cohort, catalogue=ac.CATALOGUE.subset(USED) + [OWN])
    rng = np.random.default_rng(0)
    y = pd.Series((rng.random(len(X)) < 0.3).astype(float), index=X.index)
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    return cohort, X, y, ac.DefaultModel(shape="points").fit(X[USED], y).portable_


def score(model: ScoreModel, X: pd.DataFrame, cohort: Any) -> pd.DataFrame:
    features = X.assign(merchant_id=cohort.frame["merchant_id"].to_numpy())
    return ac.score_portfolio(None, model, as_of=AS_OF, policy=_policy(model), features=features)


def _policy(model: ScoreModel) -> Any:
    policy = ac.load_policy("ali-2013")
    claim = (model.claim.level, model.claim.horizon_days)
    products = {
        key: replace(each, claims=(claim,)) if each.is_active else each
        for key, each in policy.products.items()
    }
    return replace(policy, products=products)


def test_a_frame_carries_its_definitions_and_a_model_remembers_them(world) -> None:
    X = world[1]
    lines = X.attrs["definitions"].splitlines()
    assert [line.split()[0] for line in lines] == [*ac.CATALOGUE.subset(USED).names, OWN.name]
    model = world[3]
    assert model.catalogue_digest == digest_of_definitions(model.feature_names)
    assert model.catalogue_digest.startswith("built-in ")
    assert digest_of_definitions(X.columns, X.attrs["definitions"]).startswith("own ")
    assert are_defined_alike(model.feature_names, model.catalogue_digest, X.attrs["definitions"])


def test_another_definition_under_the_same_name_is_refused(world) -> None:
    cohort, X, _, model = world
    assert len(score(model, X, cohort)) > 0
    foreign = X.copy()
    catalogue = ac.Catalogue((*(other(name) for name in USED),))
    foreign.attrs = {"definitions": note_of_definitions(catalogue)}
    with pytest.raises(InputError, match="definitions that the model was trained on"):
        score(model, foreign, cohort)


def test_a_model_of_another_release_is_refused_from_records_alone_and_prepared(world) -> None:
    cohort, X, _, model = world
    records, _ = ac.simulate_platform(150, seed=3)
    older = replace(model, catalogue_digest="built-in " + "0" * 64)
    policy = _policy(model)
    with pytest.raises(InputError, match="definitions"):
        ac.score_portfolio(records, older, as_of=AS_OF, policy=policy)
    with pytest.raises(InputError, match="definitions"):
        score(older, X, cohort)
    row = X[USED].iloc[0].to_dict() | {"merchant_id": "m"}
    product = policy.active[0].id
    with pytest.raises(InputError, match="definitions"):
        ac.score_applicant(row, older, product=product, as_of=AS_OF, policy=policy)


def test_a_model_of_another_definition_refuses_the_built_in_one(world) -> None:
    X = world[1]
    foreign = X[USED].copy()
    foreign.attrs = {"definitions": note_of_definitions(ac.Catalogue((other(USED[0]),)))}
    digest = digest_of_definitions(USED, foreign.attrs["definitions"])
    assert digest.startswith("own ")
    assert are_defined_alike(USED, digest, foreign.attrs["definitions"])
    assert not are_defined_alike(USED, digest, X.attrs["definitions"])
    assert are_defined_alike(USED, digest, "")


@pytest.mark.parametrize("note", ["", "x", "\n\n", None, 3, {"a": 1}, "a b c\nd"])
def test_what_is_no_note_says_nothing(note: Any) -> None:
    digest = digest_of_definitions(USED)
    assert digest_of_definitions(USED, note) == digest
    assert are_defined_alike(USED, digest, note)


def test_texts_do_not_matter_and_the_order_of_inputs_neither() -> None:
    feature = ac.CATALOGUE[USED[0]]
    renamed = ac.Catalogue((replace(feature, title="other words", label=feature.label),))
    assert note_of_definitions(renamed) == note_of_definitions(ac.CATALOGUE.subset(USED[:1]))
    assert digest_of_definitions(USED) == digest_of_definitions(USED[::-1])
    assert digest_of_definitions(USED) != digest_of_definitions(USED[:1])


def test_digests_of_an_older_kind_are_not_held_against_a_model() -> None:
    assert are_defined_alike(USED, ac.CATALOGUE.subset(USED).digest)
    assert are_defined_alike(["colour"], "")
