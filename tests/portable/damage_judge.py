"""A child process that loads damaged files under limits, and judges what each of them is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Content = dict[str, Any]
CORPUS_SEED, CORPUS_ROWS = 5, 60


def corpus(model: Any) -> Any:
    """Draw rows of a model's inputs: on cuts and next to them, far off, missing and unseen."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(CORPUS_SEED)
    extra: dict[str, list[float]] = {}
    for pair in model.pairs:
        extra.setdefault(pair.first, []).extend(pair.first_cuts)
        extra.setdefault(pair.second, []).extend(pair.second_cuts)
    if model.trees is not None:
        for at, cut in zip(model.trees.feature, model.trees.cut, strict=True):
            extra.setdefault(model.tables[at].name, []).append(cut)
    columns: dict[str, Any] = {}
    for table in model.tables:
        if table.kind == "category":
            values = np.array([*table.levels, "never seen", None], dtype=object)
        elif table.kind == "flag":
            values = np.array([0.0, 1.0, np.nan])
        else:
            cuts = np.array([*table.cuts, *extra.get(table.name, ()), table.low, table.high])
            near = [np.nextafter(cuts, -np.inf), cuts, np.nextafter(cuts, np.inf)]
            values = np.concatenate([*near, [np.nan, 0.0, -1e300, 1e300, 5e-324]])
            values = values[~np.isinf(values)]
        columns[table.name] = rng.choice(values, CORPUS_ROWS)
    return pd.DataFrame(columns)


def judge(model: Any, first: Any, rows: Any, before: Any) -> str:
    """Say what a file that loads is: the same model, another lawful one, or what is wrong."""
    import plain_reader

    from alicredit.portable import load_model

    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        model.save(again)
        content, digest = plain_reader.read(again)
        if load_model(again) != model or digest != model.model_id:
            return "wrong: saved otherwise"
    if model.model_id == first.model_id:
        is_same = model == first and model.score_frame(rows).equals(before)
        return "same" if is_same else "wrong: scores otherwise under the same id"
    own = corpus(model)
    return first_fault(model, content, own) or against_direction(model, own) or "another model"


def first_fault(model: Any, content: Content, rows: Any) -> str:
    """Hold a model's batch against its single scores, and both against the plain reader."""
    import numpy as np
    import pandas as pd
    import plain_reader

    frame = model.score_frame(rows)
    ok = frame["status"] == "ok"
    if not frame.loc[ok, "pd"].between(0, 1, inclusive="neither").all():
        return "wrong: probability"
    if not (np.diff(frame[ok].sort_values("score")["pd"].to_numpy()) <= 0).all():
        return "wrong: order"
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    for at, record in enumerate(records):
        one, plain = model.score_one(record), plain_reader.score(content, record)
        for key in ("status", "score", "pd", "pd_lower", "pd_upper"):
            here, there = ((None if pd.isna(x) else x) for x in (one[key], frame[key].iloc[at]))
            if not here == there == plain[key]:
                return f"wrong: {key} differs"
    return ""


def against_direction(model: Any, rows: Any) -> str:
    """Move each directed input through all its values in a few rows: the score must follow."""
    import numpy as np
    import pandas as pd

    for table in model.tables:
        values = np.unique(rows[table.name].dropna()) if table.direction else ()
        for at in range(5) if len(values) else ():
            moved = pd.concat([rows.iloc[[at]]] * len(values), ignore_index=True)
            moved[table.name] = values
            columns = {t.name: moved[t.name] for t in model.tables}
            encoded = np.column_stack(
                [
                    t.encode(
                        columns[t.name].where(
                            columns[t.name].notna(), None if t.kind == "category" else np.nan
                        )
                    )
                    for t in model.tables
                ]
            )
            if (table.direction * np.diff(model.scores_of(encoded)) > 0).any():
                return f"wrong: {table.name} against its direction"
    return ""


def watch(paths: list[str], first: str, *, is_judged: bool) -> None:
    """Load each file within 200 MB more than now and a second of processor time; tell in lines."""
    import resource
    import signal
    import time

    from alicredit.errors import ModelFileError
    from alicredit.portable import load_model

    def too_long(*_: object) -> None:
        raise TimeoutError

    original = load_model(first)
    rows = corpus(original)
    before = original.score_frame(rows)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + 200 * 2**20
    signal.signal(signal.SIGPROF, too_long)
    for path in paths:
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 1.0)
        model = None
        try:
            model = load_model(path)
            outcome = "loaded"
        except ModelFileError:
            outcome = "refused"
        except TimeoutError:
            outcome = "wrong: took a second"
        except BaseException as error:  # noqa: BLE001 - this is what is looked for
            outcome = f"wrong: {type(error).__name__}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent = time.process_time() - start
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        if is_judged and model is not None and outcome == "loaded":
            try:
                outcome = judge(model, original, rows, before)
            except BaseException as error:  # noqa: BLE001
                outcome = f"wrong: {type(error).__name__} after loading ({error})"[:200]
        sys.stdout.write(json.dumps([Path(path).name, outcome, round(spent, 3)]) + "\n")
        sys.stdout.flush()


def outcomes(
    paths: list[Path], first: Path, *, is_judged: bool = True, patience: float = 300
) -> list[tuple[str, float]]:
    """Load files in a child process; what it did not live to tell is a crash."""
    found: list[tuple[str, float]] = []
    while len(found) < len(paths):
        rest = [str(path) for path in paths[len(found) :]]
        here = str(Path(__file__).parent)
        code = f"import sys; sys.path.insert(0, {here!r}); import damage_judge as d, json\n"
        code += "d.watch(json.loads(sys.stdin.read()), sys.argv[1], is_judged=bool(sys.argv[2:]))"
        asked = ["judged"] if is_judged else []
        try:
            run = subprocess.run(
                [sys.executable, "-c", code, str(first), *asked], input=json.dumps(rest), text=True,
                capture_output=True, timeout=patience, cwd=first.parent,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
            told, why = run.stdout, f"crash: {run.returncode} {run.stderr[-300:]}"
        except subprocess.TimeoutExpired as stopped:
            told, why = (stopped.stdout or b"").decode(), "hang"
        lines = [json.loads(line) for line in told.splitlines()]
        found += [(outcome, spent) for _, outcome, spent in lines]
        if len(lines) < len(rest):
            found.append((why, 0.0))
    return found
