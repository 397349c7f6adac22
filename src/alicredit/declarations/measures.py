"""Measures over the columns of a fact, declared once; each reads timed columns through the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Measure:
    """A number made from columns of one fact.

    Parameters
    ----------
    columns : tuple of str
        What it reads.
    sql : str
        Expression over those columns, each named in braces.
    unit : str
        Its unit.
    any_of : bool, default False
        Whether one of the columns is enough for the data to have it.
    scale : int, default 1000000
        How many units of the exact integer that is summed make one; 100 for yuan.
    optional : tuple of str, default ()
        Columns without which it can still be made.
    is_key : bool, default False
        Whether it is a word that keys are made of, and no number.
    """

    columns: tuple[str, ...]
    sql: str
    unit: str
    any_of: bool = False
    scale: int = 1_000_000
    optional: tuple[str, ...] = ()
    is_key: bool = False


def _hours(start: str, end: str) -> Measure:
    """Measure the hours between two times of a fact; nothing where they run backwards."""
    span = f"date_diff('microsecond', {{{start}}}, {{{end}}})"
    sql = f"CASE WHEN {span} >= 0 THEN {span} / 3600000000.0 END"
    return Measure((start, end), sql, "hours", scale=10**9)


def _yes(column: str, yes: str, no: str) -> str:
    """Write 1 or 0 for a word that says yes or no, nothing for another."""
    return f"CASE WHEN {column} IN ({yes}) THEN 1.0 WHEN {column} IN ({no}) THEN 0.0 END"


_PAYING = ("'paying'", "'ordinary'")
_TRUE = ("'true', 't', 'yes', '1'", "'false', 'f', 'no', '0'")
_FEN = "CASE WHEN {amount} BETWEEN 1 AND 1e11 THEN CAST(round({amount} * 100) AS BIGINT) END"
_DIGITS = f"rtrim(CAST({_FEN} AS VARCHAR), '0')"

MEASURES: Mapping[tuple[str, str], Measure] = MappingProxyType(
    {
        ("merchants", "is_real_name"): Measure(
            ("real_name_verified",), "CAST({real_name_verified} AS DOUBLE)", "1 yes, 0 no"
        ),
        ("merchants", "is_licensed"): Measure(
            ("business_licence_verified",),
            "CAST({business_licence_verified} AS DOUBLE)",
            "1 yes, 0 no",
        ),
        ("merchants", "is_paying"): Measure(
            ("membership",), _yes("{membership}", *_PAYING), "1 yes, 0 no"
        ),
        ("merchant_history", "is_true"): Measure(
            ("value",), _yes("lower({value})", *_TRUE), "1 yes, 0 no"
        ),
        ("merchant_history", "is_paying"): Measure(
            ("value",), _yes("{value}", *_PAYING), "1 yes, 0 no"
        ),
        ("orders", "fen_over_hundreds"): Measure(("amount",), f"({_FEN}) % 10000", "fen"),
        ("orders", "same_digits"): Measure(
            ("amount",),
            f"CASE WHEN {_DIGITS} = repeat(left({_DIGITS}, 1), length({_DIGITS}))"
            f" THEN length({_DIGITS}) ELSE 0 END",
            "digits",
        ),
        ("orders", "ship_hours"): _hours("paid_at", "shipped_at"),
        ("orders", "confirm_hours"): _hours("shipped_at", "confirmed_at"),
        ("refunds", "resolve_hours"): _hours("opened_at", "resolved_at"),
        ("disputes", "resolve_hours"): _hours("opened_at", "resolved_at"),
        ("ratings", "dsr"): Measure(
            ("dsr_desc", "dsr_service", "dsr_ship"),
            "({dsr_desc} + {dsr_service} + {dsr_ship}) / 3",
            "points of 5",
            scale=10**9,
        ),
        ("customs", "value_usd"): Measure(
            ("fob_usd", "cif_usd"),
            "coalesce({fob_usd}, {cif_usd})",
            "US dollars",
            any_of=True,
        ),
        ("customs", "month"): Measure(
            ("declared_at",), "strftime({declared_at}, '%Y-%m')", "", is_key=True
        ),
        ("merchant_history", "value_number"): Measure(
            ("value",), "TRY_CAST({value} AS DOUBLE)", ""
        ),
        ("psych_items", "score"): Measure(("response",), "TRY_CAST({response} AS DOUBLE)", "score"),
        ("bank_txns", "inflow"): Measure(("amount",), "greatest({amount}, 0)", "yuan", scale=100),
        ("bank_txns", "outflow"): Measure(("amount",), "greatest(-{amount}, 0)", "yuan", scale=100),
        ("utilities", "days_late"): Measure(
            ("due_at", "paid_at"),
            "CASE WHEN {paid_at} IS NOT NULL THEN"
            " greatest(date_diff('day', {due_at}, CAST({paid_at} AS DATE)), 0) END",
            "days",
        ),
        ("loans", "term_days"): Measure(
            ("disbursed_at", "due_at"), "date_diff('day', {disbursed_at}, {due_at})", "days"
        ),
    }
)
"""Table and name -> measure."""
