"""Apache Spark gives the rows of the local engine. Behind `make test-spark`: its environment is 1 GB."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore")]
pyspark = pytest.importorskip("pyspark", reason="Spark is tried by `make test-spark`")

import pyarrow as pa  # noqa: E402  (after the skip)
import pyarrow.parquet as pq  # noqa: E402

ROOT = Path(__file__).parent.parent
BUNDLES = ROOT / "bundles"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    from training.simulation.population import population

    path = tmp_path_factory.mktemp("spark") / "in.parquet"
    table = population(4000, 7)
    kept = [name for name in table.schema.names if name != "segment" and not name.startswith("audit_")]
    pq.write_table(table.select(kept), path, row_group_size=500)
    return path


def scored(source, target, *options):
    shown = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from training.scoring.command import main; main()",
                str(source),
                str(target),
            ),
            *("--as-of", "2026-11-21", "--chunk-rows", "500", "--no-input", *options),
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"ARKI_BUNDLES": str(BUNDLES)},
        cwd=ROOT,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr[-3000:]
    return {path.name: path.read_bytes() for path in target.glob("part-*")}


def test_an_older_or_missing_java_is_named(monkeypatch):
    from training.scoring.engine_local import EngineError
    from training.scoring.engine_spark import run_on_spark

    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(EngineError, match="needs Java 17 or newer, and none was found"):
        list(run_on_spark(None, [], None, master="local[2]"))


@pytest.mark.parametrize("master", ["local[2]", "local-cluster[2,1,1024]"])
def test_the_command_on_spark_writes_the_bytes_of_the_local_engine(source, tmp_path, master):
    local = scored(source, tmp_path / "local")
    assert scored(source, tmp_path / "spark", "--engine", "spark", "--master", master) == local


@pytest.mark.parametrize("master", ["local[2]", "local-cluster[2,1,1024]"])
def test_a_frame_is_answered_row_for_row_as_a_batch_is(source, master, monkeypatch):
    from pyspark.sql import SparkSession

    from models.contract.channels import HELSINKI
    from models.decision import bundle
    from training.scoring.command import spark_recommendations
    from training.scoring.request import ScoringRequest
    from training.scoring.scorer import Scorer

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("ARKI_BUNDLES", str(BUNDLES))
    asked = ScoringRequest(datetime(2026, 11, 21, tzinfo=HELSINKI))
    session = SparkSession.builder.master(master).config("spark.ui.enabled", "false").getOrCreate()
    try:
        answers = spark_recommendations(session.read.parquet(str(source)), asked).toArrow()
    finally:
        session.stop()
    recommender = bundle.load(BUNDLES, bundle.current(BUNDLES)).recommender
    [batch] = pq.read_table(source).combine_chunks().to_batches()
    expected = Scorer(recommender, asked).score(batch)
    by_key = {row["customer_ref"]: row for row in answers.to_pylist()}
    assert len(by_key) == batch.num_rows
    assert [by_key[row["customer_ref"]] for row in expected.to_pylist()] == expected.to_pylist()
    assert isinstance(answers, pa.Table)
