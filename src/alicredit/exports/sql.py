"""A model as one SQL query: what is refused, and what the query says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alicredit.checks import refusal, refuse, require_kind, require_one_of, require_whole
from alicredit.errors import InputError
from alicredit.exports.sql_engines import ENGINES, Engine, Wanted

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel

MOST_REASONS = 4
_OUTPUT = ("status", "score", "points", "pd", "pd_lower", "pd_upper", "flags", "grade")


def to_sql(
    model: ScoreModel,
    dialect: str = "duckdb",
    *,
    table: str | Sequence[str] = "features",
    key: str | Sequence[str] = "merchant_id",
    reasons: int = 4,
    flags: bool = True,
    grades: Any = None,
) -> str:
    """Write a model as one SQL query that scores the rows of a table.

    The score is the very same integer as that of ``score_frame``. The query gives, for each row,
    the key, ``status``, ``score`` (units) and ``points``, ``pd, pd_lower, pd_upper``, ``grade``
    where grades are given, ``reason_1`` to ``reason_4`` for shapes points and pairs, and ``flags``
    (names of inputs whose value training did not see: a list; a text in dialects that are not
    run). Trees have no reasons in SQL: these columns are absent, and the text says so.

    Parameters
    ----------
    model : ScoreModel
        Fitted or loaded.
    dialect : str, default "duckdb"
        ``"duckdb"``, ``"postgres"`` and ``"spark"`` are run against the library; ``"bigquery"``,
        ``"clickhouse"``, ``"databricks"``, ``"hive"``, ``"mysql"``, ``"oracle"``, ``"redshift"``,
        ``"snowflake"``, ``"trino"`` and ``"tsql"`` are text only, and the text says so.
    table : str or sequence of str, default "features"
        The table's name as it stands, dots and all; with its schema a sequence:
        ``("risk", "features")``.
    key : str or sequence of str, default "merchant_id"
        Columns that tell rows apart, given back as they are.
    reasons : int, default 4
        Reason columns, 0 to 4.
    flags : bool, default True
        Give ``flags``.
    grades : Policy, Grades or None, default None
        Anything with ``names`` and ``upper_pd``, or with such ``grades``: adds ``grade``. Without
        it the grades of the model's file, where it has some.

    Returns
    -------
    str
        One ``SELECT`` under comments that name the model, its claim and what the form was run on.

    Raises
    ------
    InputError
        For an unknown dialect; for names that the dialect would cut, confuse or cannot hold; and
        where sqlglot, of the extra ``sql``, lacks.

    Examples
    --------
    >>> to_sql(None, "duckdbb")
    Traceback (most recent call last):
    alicredit.errors.InputError: dialect must be one of ...; found 'duckdbb'. Try: did you mean ...
    """
    require_one_of("dialect", dialect, ENGINES)
    require_whole("reasons", reasons, 0, high=MOST_REASONS)
    require_kind("flags", flags, bool, "must be True or False")
    engine = ENGINES[dialect]
    place, keys = _names("table", table), _names("key", key)
    _check_keys(keys)
    for name in (*place, *keys, *model.feature_names):
        _check_name(engine, name)
    if not engine.tells_case:
        _check_case(engine, (*model.feature_names,))
    for level in (level for each in model.tables for level in each.levels):
        _check_text("a level of a category", level)
    try:
        from alicredit.exports.sql_query import query_of
    except ImportError as error:
        do = "pip install 'alicredit[sql]'"
        raise InputError(refusal("to_sql", "needs sqlglot", "none installed", do)) from error
    count = 0 if model.trees is not None else reasons
    wanted = Wanted(count, flags, tuple(_grade_cuts(model, grades)))
    body = query_of(model, engine, place, keys, wanted)
    return "\n".join([*_header(model, engine, asked=reasons), body, ""])


def _names(argument: str, value: Any) -> tuple[str, ...]:
    """Take one name or some."""
    names = (value,) if isinstance(value, str) else value
    is_some = isinstance(names, list | tuple) and len(names) > 0
    if not is_some or not all(isinstance(name, str) and name for name in names):
        refuse(argument, "must be a name or a sequence of names", repr(value)[:60])
    return tuple(names)


def _check_keys(keys: tuple[str, ...]) -> None:
    """Refuse keys that the query's own columns would hide."""
    folded = [key.casefold() for key in keys]
    taken = {*_OUTPUT, *(f"reason_{at}" for at in range(1, MOST_REASONS + 1))}
    both = [key for key in keys if key.casefold() in taken]
    if both or len(set(folded)) != len(folded):
        rule = "must be different columns, other than what the query gives"
        refuse("key", rule, repr((both or list(keys))[0]), "rename the column in a view")


def _check_text(what: str, text: str) -> None:
    """Refuse what no engine's text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        refuse(what, "must be text that can be written as UTF-8", repr(text)[:60])
    if "\0" in text:
        refuse(what, "must be without a NUL character", repr(text)[:60])


def _check_name(engine: Engine, name: str) -> None:
    """Refuse a name that an engine would cut or cannot hold."""
    _check_text("a column's name", name)
    for part in engine.not_in_names:
        if part in name:
            refuse(
                "a column's name", f"must be without {part!r} in {engine.title}", repr(name)[:60]
            )
    size = len(name.encode())
    if size > engine.longest_name:
        rule = f"must be at most {engine.longest_name} bytes in {engine.title}"
        refuse("a column's name", rule, f"{size}: {name[:60]!r}", "train with a shorter name")


def _check_case(engine: Engine, names: tuple[str, ...]) -> None:
    """Refuse columns that an engine takes for one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            rule = f"must differ by more than case in {engine.title}"
            refuse("columns' names", rule, f"{other!r} and {name!r}", "use 'postgres', or rename")


def _grade_cuts(model: ScoreModel, grades: Any) -> list[tuple[int | None, str]]:
    """Give the least score of each grade, best first; None where no score has it."""
    if grades is None:
        pairs = tuple(getattr(model, "grades", ()))
    else:
        found = getattr(grades, "grades", grades)
        if not (hasattr(found, "names") and hasattr(found, "upper_pd")):
            rule = "must have names and upper_pd"
            refuse("grades", rule, type(grades).__name__, "give a policy or its grades")
        pairs = tuple(zip(found.names, found.upper_pd, strict=True))
    for name, _ in pairs:
        _check_text("a grade", name)
    return [(_least_score(model, bound), name) for name, bound in pairs]


def _least_score(model: ScoreModel, bound: float) -> int | None:
    """Give the least score whose probability is within a bound: probabilities fall with it."""
    low = model.first_score * model.unit
    high = (model.first_score + len(model.pds) - 1) * model.unit
    if model.probability(high)[1] > bound:
        return None
    while low < high:
        middle = (low + high) // 2
        is_within = model.probability(middle)[1] <= bound
        low, high = (low, middle) if is_within else (middle + 1, high)
    return low


def _header(model: ScoreModel, engine: Engine, *, asked: int) -> list[str]:
    """Say what this is, what it claims and what it was run on."""
    run = (
        f"{engine.title}: this form is run against the library in its tests (DuckDB, PostgreSQL, "
        "Spark)."
        if engine.is_run
        else f"{engine.title}: TEXT ONLY, never run. Hold its scores against the library's before "
        "use."
    )
    lines = [
        run,
        f"alicredit model {model.model_id}",
        f"Claim: probability of default, {model.claim}.",
        f"Shape {model.shape}, {len(model.tables)} inputs. Score in units, {model.unit} a point.",
        "Missing is NULL or NaN. A row that is not scored has a status and NULLs.",
    ]
    if model.trees is not None and asked:
        lines.append("No reasons: those of trees are Shapley values; ask score_frame for them.")
    return [f"-- {' '.join(line.split())}" for line in lines]
