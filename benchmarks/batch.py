"""Batch scoring against a scikit-learn pipeline, against the floor of reading and writing, and against the naive way.

Every figure is of CPU seconds (user and system, children included), the least of interleaved rounds; wall time stands
beside it. Other work on the machine moves both sides of a ratio alike.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.columns.files import chunks, read_chunk
from models.columns.rows import CARRIED, SIGNALS
from models.contract.channels import HELSINKI
from models.decision import bundle
from models.decision.scorecard import FEATURES
from training.learning.dataset import matrix
from training.reporting.artifacts import read_classifier
from training.scoring import answer_files
from training.scoring.request import ScoringRequest
from training.scoring.scorer import Scorer
from training.simulation.population import population

BUNDLES = Path(os.environ.get("ARKI_BUNDLES", "bundles")).absolute()
AT = datetime(2026, 11, 21, tzinfo=HELSINKI)
CHOICES = ("open_matter", "preferred_channel")
CHUNK = 131_072
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
NAIVE_ROWS = 20_000
ROUNDS = 3
PLOTTED = (100_000, 316_000, 1_000_000, 3_160_000, 10_000_000)


def measured():
    """Every ratio, as JSON."""
    recommender = bundle.load(BUNDLES, bundle.current(BUNDLES)).recommender
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = customers(folder / "in.parquet", ROWS)
        found = {
            "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, pyarrow {pa.__version__}",
            "rows": ROWS,
            "load_average": os.getloadavg()[0],
            "in_memory": in_memory(source, recommender),
            "file_to_file": file_to_file(source, folder),
            "naive": naive(source, folder, recommender),
        }
        if os.environ.get("BENCH_GROWTH"):
            found["growth"] = growth(folder)
    return found


def in_memory(source, recommender):
    """Complete answers on record batches, and `predict_proba` of a pipeline on frames of the same rows; one core."""
    scorer = Scorer(recommender, ScoringRequest(AT))
    batches = [read.batch for read in read_all(source)][:8]
    rows = sum(batch.num_rows for batch in batches)
    model = pipeline()
    frames = [frame_of(batch) for batch in batches]
    estimator = read_classifier(Path("models/artifacts/classifier.joblib"))
    ours, plain, own = [], [], []
    for _ in range(ROUNDS + 1):
        ours.append(cpu(lambda: [scorer.score(batch) for batch in batches]))
        plain.append(cpu(lambda: [model.predict_proba(frame) for frame in frames]))
        own.append(cpu(lambda: [estimator.predict_proba(frame[list(FEATURES)]) for frame in frames[:2]]))
    return {
        "answers_per_cpu_s": round(rows / min(ours)),
        "plain_pipeline_rows_per_cpu_s": round(rows / min(plain)),
        "over_plain_pipeline": round(min(plain) / min(ours), 2),
        "own_estimator_rows_per_cpu_s": round(sum(map(len, frames[:2])) / min(own)),
        "over_own_estimator": round(rows / min(ours) / (sum(map(len, frames[:2])) / min(own)), 1),
        "answers_per_s_on_two_cores": two_cores(source),
    }


def two_cores(source):
    """Answers a second of two processes at once, in memory, wall time."""
    code = (
        "import sys, time; from benchmarks import batch as b;"
        "r = b.bundle.load(b.BUNDLES, b.bundle.current(b.BUNDLES)).recommender; s = b.Scorer(r, b.ScoringRequest(b.AT));"
        "x = [read.batch for read in b.read_all(b.Path(sys.argv[1]))][:8]; [s.score(y) for y in x];"
        "print('ready', flush=True); sys.stdin.readline(); t = time.perf_counter(); [s.score(y) for y in x * 3];"
        "print(sum(y.num_rows for y in x) * 3 / (time.perf_counter() - t))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in both:
        one.stdout.readline()
    for one in both:
        one.stdin.write("\n")
        one.stdin.flush()
    return round(sum(float(one.communicate()[0]) for one in both))


def file_to_file(source, folder):
    """The command, one worker, and the floor: the same reader and writer with nothing between."""
    answers = folder / "answers"
    score(source, answers)
    single, several, floors, walls = [], [], [], []
    for _ in range(ROUNDS):
        several.append(children(lambda: score(source, answers)))
        single.append(children(lambda: score(source, folder / "answers.parquet")))
        floors.append(children(lambda: floor(source, answers, folder / "floor")))
        walls.append(wall(lambda: score(source, answers, workers=2)))
    return {
        "rows_per_cpu_s": round(ROWS / min(several)),
        "floor_rows_per_cpu_s": round(ROWS / min(floors)),
        "over_floor": round(min(several) / min(floors), 2),
        "over_floor_into_one_file": round(min(single) / min(floors), 2),
        "rows_per_s_two_workers": round(ROWS / min(walls)),
    }


def naive(source, folder, recommender):
    """pandas, a pipeline, and a Python function per row; the command on the same rows."""
    small = folder / "small.parquet"
    pq.write_table(pq.read_table(source).slice(0, NAIVE_ROWS), small)
    model = pipeline()
    ours = children(lambda: score(source, folder / "answers")) / ROWS
    theirs = cpu(lambda: one_by_one(small, folder / "naive.parquet", model, recommender)) / NAIVE_ROWS
    return {"rows_per_cpu_s": round(1 / theirs), "ratio": round(theirs / ours, 1)}


def one_by_one(source, target, model, recommender):
    """What one would write first."""
    import pandas as pd

    signals_of, read = recommender.contract.signals, recommender.contract.read
    frame = pd.read_parquet(source)
    frame["segment"] = model.classes_[model.predict_proba(pandas_features(frame)).argmax(axis=1)]

    def answer(row):
        given = (
            {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name in signals_of[row["customer_type"]]
                if (value := row[name]) is not None and value == value  # noqa: PLR0124  (NaN is unknown)
            }
            if not any(
                isinstance(row[name], np.ndarray)
                for name in ("life_events", "active_benefits", "claim_kinds")
            )
            else {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name in signals_of[row["customer_type"]]
                if isinstance(value := row[name], np.ndarray) or (value is not None and value == value)  # noqa: PLR0124
            }
        )
        [found] = recommender.recommend([read(row["customer_type"], given)], at=AT)
        return found.items[0].content.id

    frame["content"] = frame.apply(answer, axis=1)
    frame[["customer_ref", "segment", "content"]].to_parquet(target)


def growth(folder):
    """Time and memory from 10⁵ to 10⁷ rows, two workers."""
    found = []
    for rows in PLOTTED:
        source = customers(folder / f"{rows}.parquet", rows)
        before = time.perf_counter()
        peak = Peak()
        with peak:
            cpu_s = children(partial(score, source, folder / "grown", workers=2))
        found.append(
            {
                "rows": rows,
                "s": round(time.perf_counter() - before, 2),
                "cpu_s": round(cpu_s, 2),
                "memory_mib": peak.mib,
            }
        )
        source.unlink()
    return found


def customers(path, rows):
    """A file of simulated customers, repeated where many are wanted; row groups as large as chunks."""
    table = simulated().slice(0, rows)
    with pq.ParquetWriter(path, table.schema, compression="zstd") as file:
        left = rows
        while left > 0:
            part = table.slice(0, min(left, table.num_rows))
            file.write_table(part, row_group_size=CHUNK)
            left -= part.num_rows
    return path


@lru_cache
def simulated():
    """Enough different customers; more are the same again."""
    table = population(400_000, 11, processes=2)
    return table.select([n for n in table.schema.names if n != "segment" and not n.startswith("audit_")])


def read_all(source):
    wanted = {*SIGNALS, *CARRIED}
    for chunk in chunks(source, CHUNK):
        yield from read_chunk(chunk, wanted)


def pipeline():
    """One-hot choices, imputed counts, multinomial logistic regression: what scikit-learn's guide would have one write."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = population(20_000, 5, with_employers=False)
    columns = ColumnTransformer(
        [
            ("counts", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), list(FEATURES)),
            ("choices", OneHotEncoder(handle_unknown="ignore"), list(CHOICES)),
        ]
    )
    model = Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=300))])
    [batch] = table.combine_chunks().to_batches()
    return model.fit(frame_of(batch), table["segment"].to_pylist())


def frame_of(batch):
    """The model's inputs as a data frame."""
    import pandas as pd

    table = pa.Table.from_batches([batch])
    frame = pd.DataFrame(matrix(table), columns=list(FEATURES))
    for name in CHOICES:
        frame[name] = table[name].cast(pa.string()).fill_null("unknown").to_pandas().astype(object)
    return frame


def pandas_features(frame):
    found = frame.reindex(columns=[*FEATURES, *CHOICES])
    found["life_event_count"] = frame["life_events"].map(lambda e: None if e is None else len(e))
    found["months_since_life_event"] = frame["life_events"].map(
        lambda e: None if e is None or not len(e) else min(each["months_ago"] for each in e)
    )
    found["active_benefit_count"] = frame["active_benefits"].map(lambda e: None if e is None else len(e))
    for name in CHOICES:
        found[name] = found[name].fillna("unknown")
    return found


def score(source, target, workers=1):
    subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from training.scoring.command import main; main()",
                str(source),
                str(target),
            ),
            *("--as-of", "2026-11-21", "--workers", str(workers), "--no-input"),
        ],
        check=True,
        capture_output=True,
        env=os.environ | {"ARKI_BUNDLES": str(BUNDLES)},
    )


def floor(source, answers, target):
    code = "import sys; from benchmarks.batch import read_and_write; read_and_write(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, str(source), str(answers), str(target)], check=True)


def read_and_write(source, answers, target):
    """The floor: read the customers, and write answers that are there already."""
    Path(target).mkdir(exist_ok=True)
    part = min(Path(answers).glob("part-*"))
    ready = pq.read_table(part)
    wanted = {*SIGNALS, *CARRIED}
    for number, chunk in enumerate(chunks(Path(source), CHUNK)):
        for _ in read_chunk(chunk, wanted):
            pass
        written = ready.slice(0, min(chunk.rows, ready.num_rows))
        answer_files.write_part(written, Path(target) / f"{number}.parquet", "parquet", metadata={})


def cpu(work):
    before = time.process_time()
    work()
    return time.process_time() - before


def wall(work):
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def children(work):
    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    work()
    return spent() - before


class Peak:
    """The most memory that children of this process held together, shared pages counted once."""

    def __init__(self):
        self.mib = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self):
        self._watch.start()

    def __exit__(self, *_):
        self._over.set()
        self._watch.join()

    def _look(self):
        while not self._over.wait(0.1):
            self.mib = max(self.mib, sum(map(held_kib, descendants(os.getpid()))) // 1024)


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def held_kib(pid):
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return 0


if __name__ == "__main__":
    print(json.dumps(measured(), indent=2))
