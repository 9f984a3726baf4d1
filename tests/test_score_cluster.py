"""Dask gives the bytes that one machine gives, also when it loses a worker midway."""

import os
import signal

import pytest
from click.testing import CliRunner
from distributed import LocalCluster
from test_score import simulated

from training.scoring import command as score
from training.scoring.engine_dask import run_on_dask
from training.scoring.engine_local import EngineError

pytestmark = pytest.mark.filterwarnings("ignore")  # distributed and tornado warn as they close


def parts(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("part-")}


@pytest.fixture
def run(bundles, monkeypatch, tmp_path):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    monkeypatch.chdir(tmp_path)
    simulated(tmp_path / "in.parquet", 4000, group=250)

    def run(target, *options):
        asked = ["in.parquet", target, "--as-of", "2026-11-21", "--chunk-rows", "250", *options]
        shown = CliRunner().invoke(score.main, asked)
        assert shown.exit_code == 0, shown.output
        return parts(tmp_path / target)

    return run


def test_a_dask_cluster_that_loses_a_worker_midway_gives_the_bytes_of_one_machine(run, monkeypatch):
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        lost = []

        def losing(*given, **options):
            for told in run_on_dask(*given, **options):
                if not lost:
                    lost.append(next(iter(cluster.workers.values())).pid)
                    os.kill(lost[0], signal.SIGKILL)
                yield told

        monkeypatch.setattr("training.scoring.engine_dask.run_on_dask", losing)
        clustered = run("clustered", "--engine", "dask", "--scheduler", cluster.scheduler_address)
    assert lost
    assert clustered == run("local")


def test_a_scheduler_that_is_not_there_is_named():
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(EngineError, match="no Dask scheduler answers"),
    ):
        list(run_on_dask(None, [], None, scheduler="tcp://127.0.0.1:9"))
