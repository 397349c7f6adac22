"""One small fitted model, shared by the tests that only read it."""

from __future__ import annotations

import pytest
from model_stage import Stage, make_stage

from alicredit.model import ScoreModel


@pytest.fixture(scope="session")
def stage() -> Stage:
    """Fit once."""
    return make_stage()


@pytest.fixture(scope="session")
def model(stage: Stage) -> ScoreModel:
    """Give the deployed part of the fitted model."""
    return stage.model.portable_
