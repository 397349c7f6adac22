"""The jobs: decide a whole platform, or one applicant, and write down what was decided."""

from alicredit.nightly.run import Run
from alicredit.nightly.written import summarise
from alicredit.portfolio.databases import read_decisions, write_decisions
from alicredit.portfolio.jobs import score_applicant, score_portfolio
from alicredit.portfolio.replay import Replay, replay_decision, replay_portfolio

__all__ = [
    "Replay",
    "Run",
    "read_decisions",
    "replay_decision",
    "replay_portfolio",
    "score_applicant",
    "score_portfolio",
    "summarise",
    "write_decisions",
]
