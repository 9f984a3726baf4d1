"""Who is measured over HTTP: Arki and a bare hello on each server, and the model servers with the same pipeline."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.customers import DATA, Customers
from benchmarks.environments import MADE, ROOT, NotMeasuredError, python_of, versions_in
from benchmarks.load import Requests
from benchmarks.servers import Contestant

PEERS = Path(__file__).parent / "peers"
KEY = "a key for benchmarks"
WORKERS = "2"
PACKAGES = {
    "litserve": ("litserve", "pandas", "scikit-learn"),
    "mlserver": ("mlserver", "mlserver-sklearn"),
    "bentoml": ("bentoml",),
    "mlflow": ("mlflow",),
    "fastapi": ("fastapi", "uvicorn", "granian", "pydantic"),
    "servers": ("gevent", "gunicorn_h1c"),
}
"""Packages of each environment whose versions are told."""
BATCH = 100
WITH_DUTIES = "FastAPI with Arki's duties"
_AUTHORISED = (("Authorization", f"Bearer {KEY}"),)
HELLO = {"hello": Requests("/hello")}


def arki_asks(customers: Customers) -> dict[str, Requests]:
    """What Arki is asked: single customers in turn, the README's own request, and a batch."""
    told = (ROOT / "fixtures" / "requests" / "job-lost.json").read_bytes()
    readme = json.dumps(json.loads(told)).encode()
    return {
        "full": Requests("/v1/recommendations", customers.arki(), _AUTHORISED),
        "README request": Requests("/v1/recommendations", (readme,), _AUTHORISED),
        "batch": Requests("/v1/recommendations/batch", (customers.batch(BATCH),), _AUTHORISED),
    }


def on_gunicorn(
    name: str, app: str, asks: dict[str, Requests], bundles: Path, run: Path, *, python: str, extra: list[str]
) -> Contestant:
    """An app on gunicorn with Arki's own settings."""

    def command(_port: int) -> list[str]:
        return [python, "-m", "gunicorn", "-c", "python:service.server.gunicorn_config", *extra, app]

    environ = {
        "ARKI_BUNDLES": str(bundles),
        "ARKI_DEV_KEY": KEY,
        "ARKI_WORKERS": WORKERS,
        "ARKI_RUN": str(run / "{port}"),
        "PYTHONPATH": str(ROOT),
    }
    return Contestant(name, command, asks, environ, ROOT)


def ours(customers: Customers, bundles: Path, run: Path) -> Iterator[tuple[str, Callable[[], Contestant]]]:
    """The pair that the goals are about: a hello and Arki on the default server."""
    for app, asks in (("hello", HELLO), ("arki", arki_asks(customers))):
        wsgi = "service.wsgi:app" if app == "arki" else "benchmarks.peers.hello:app"
        yield (
            app,
            functools.partial(on_gunicorn, app, wsgi, asks, bundles, run, python=sys.executable, extra=[]),
        )


def platforms(
    customers: Customers, bundles: Path, run: Path
) -> Iterator[tuple[str, Callable[[], Contestant]]]:
    """The same two on gunicorn's other workers, its C parser, and granian as `arki-serve` starts it."""
    single = {"full": arki_asks(customers)["full"]}
    variants = {
        "sync": ["-k", "sync"],
        "gevent": ["-k", "gevent"],
        "C parser": ["--http-parser", "fast"],
    }
    for variant, extra in variants.items():
        for app, asks in (("hello", HELLO), ("arki", single)):
            wsgi = "service.wsgi:app" if app == "arki" else "benchmarks.peers.hello:app"
            yield (
                f"{app}, {variant}",
                functools.partial(_variant, f"{app}, {variant}", wsgi, asks, bundles, run, extra),
            )
    for app, asks in (("hello", HELLO), ("arki", single)):
        wsgi = "service.wsgi:app" if app == "arki" else "benchmarks.peers.hello:app"
        name = f"{app}, granian"
        yield name, functools.partial(_granian, name, wsgi, asks, bundles, run)


def peers(customers: Customers, bundles: Path) -> Iterator[tuple[str, Callable[[], Contestant]]]:
    """Model servers with the pipeline, and servers given Arki's own recommend."""
    features = tuple(json.dumps({"features": one}).encode() for one in customers.features)
    one_pipeline = {"pipeline": Requests("/predict", features)}
    own = {"own": Requests("/predict", customers.arki())}
    bento_own = Requests("/predict", tuple(b'{"body":' + body + b"}" for body in customers.arki()))
    yield "LitServe", lambda: _litserve("LitServe", "pipeline", one_pipeline, bundles)
    yield "MLServer", lambda: _mlserver(customers)
    yield "BentoML", lambda: _bento("BentoML", "Segments", one_pipeline, bundles)
    yield "MLflow", lambda: _mlflow(customers)
    yield (
        "LitServe, Arki's estimator",
        lambda: _litserve("LitServe, Arki's estimator", "estimator", one_pipeline, bundles),
    )
    yield "LitServe, Arki's recommend", lambda: _litserve("LitServe, Arki's recommend", "own", own, bundles)
    yield (
        "BentoML, Arki's recommend",
        lambda: _bento("BentoML, Arki's recommend", "Recommendations", {"own": bento_own}, bundles),
    )
    recommend = {"own": Requests("/recommend", customers.arki()), **HELLO}
    duties = {"own": Requests("/recommend", customers.arki(), _AUTHORISED)}
    for name, app, asks, server in (
        ("FastAPI, Arki's recommend", "fast_app", recommend, "uvicorn"),
        (f"{WITH_DUTIES}, uvicorn", "fast_duties", duties, "uvicorn"),
        (f"{WITH_DUTIES}, granian", "fast_duties", duties, "granian"),
    ):
        yield name, functools.partial(_fastapi, name, app, asks, bundles, server)


def peer_versions() -> dict[str, str]:
    """Versions of the peers whose environments are there."""
    found = {}
    for name, packages in PACKAGES.items():
        with contextlib.suppress(NotMeasuredError):
            installed = versions_in(python_of(name))
            found |= {package: installed.get(package, "?") for package in packages}
    return found


def _variant(name, app, asks, bundles, run, extra):
    python = python_of("servers")
    return on_gunicorn(name, app, asks, bundles, run, python=python, extra=extra)


def _granian(name, app, asks, bundles, run):
    environ = {
        "ARKI_BUNDLES": str(bundles),
        "ARKI_DEV_KEY": KEY,
        "ARKI_SERVER": "granian",
        "ARKI_WORKERS": WORKERS,
        "ARKI_RUN": str(run / "{port}"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "service.server.granian_server", app]
    return Contestant(name, lambda _port: command, asks, environ, ROOT)


def _litserve(name, kind, asks, bundles):
    python = python_of("litserve-estimator" if kind == "estimator" else "litserve")
    model = ROOT / "models" / "artifacts" / "classifier.joblib"
    if kind == "pipeline":
        model = _model("litserve", python)
    script = str(PEERS / "lit_server.py")
    environ = _own_environ(bundles)
    return Contestant(name, lambda port: [python, script, str(port), kind, str(model)], asks, environ, MADE)


def _bento(name, service, asks, bundles):
    python = python_of("bentoml")
    model = _model("bentoml", python)
    environ = _own_environ(bundles) | {
        "BENCH_MODEL": str(model),
        "BENTOML_DO_NOT_TRACK": "1",
        "BENTOML_HOME": str(MADE / "bentoml"),
        "PYTHONPATH": f"{ROOT}:{PEERS}",
    }

    def command(port: int) -> list[str]:
        options = ["--port", str(port), "--host", "127.0.0.1"]
        return [python, "-m", "bentoml", "serve", f"bento_service:{service}", *options]

    return Contestant(name, command, asks, environ, PEERS)


def _mlserver(customers):
    python = python_of("mlserver")
    folder = MADE / "mlserver"
    folder.mkdir(parents=True, exist_ok=True)
    model = _model("mlserver", python)
    parameters = {"uri": str(model), "extra": {}}
    settings = {
        "name": "segments",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": parameters,
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))

    def command(port: int) -> list[str]:
        ports = {"http_port": port, "grpc_port": port + 1 if port < 65000 else port - 1, "metrics_port": port}
        server = {"host": "127.0.0.1", "parallel_workers": int(WORKERS), "debug": False, **ports}
        server |= {"metrics_endpoint": None, "use_structured_logging": False}
        (folder / "settings.json").write_text(json.dumps(server))
        return [python, "-m", "mlserver.cli.main", "start", str(folder)]

    bodies = tuple(json.dumps(_v2(one)).encode() for one in customers.features)
    asks = {"pipeline": Requests("/v2/models/segments/infer", bodies)}
    return Contestant("MLServer", command, asks, _own_environ(Path()), folder)


def _v2(features: dict) -> dict:
    columns = [
        {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]}
        for name, value in features.items()
    ]
    return {
        "parameters": {"content_type": "pd"},
        "inputs": columns,
        "outputs": [{"name": "predict_proba"}],
    }


def _mlflow(customers):
    python = python_of("mlflow")
    folder = MADE / "mlflow"
    if not (folder / "MLmodel").exists():
        _made([python, str(PEERS / "mlflow_model.py"), str(folder)], "mlflow")
    bodies = tuple(
        json.dumps({"dataframe_split": {"columns": list(one), "data": [list(one.values())]}}).encode()
        for one in customers.features
    )

    def command(port: int) -> list[str]:
        options = ["--port", str(port), "--host", "127.0.0.1", "--workers", WORKERS, "--env-manager", "local"]
        return [python, "-m", "mlflow", "models", "serve", "-m", str(folder), *options]

    environ = _own_environ(Path()) | {"PATH": f"{Path(python).parent}:/usr/bin:/bin"}
    return Contestant("MLflow", command, {"pipeline": Requests("/invocations", bodies)}, environ, MADE)


def _fastapi(name, app, asks, bundles, server):
    python = python_of("fastapi")
    options = {
        "uvicorn": ["--no-access-log", "--log-level", "warning"],
        "granian": ["--interface", "asgi", "--no-log"],
    }[server]

    def command(port: int) -> list[str]:
        listening = ["--host", "127.0.0.1", "--port", str(port), "--workers", WORKERS]
        return [python, "-m", server, *listening, *options, f"benchmarks.peers.{app}:app"]

    return Contestant(name, command, asks, _own_environ(bundles), ROOT)


def _own_environ(bundles: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "BENCH_BUNDLES": str(bundles), "MLFLOW_DISABLE_TELEMETRY": "true"}


def _model(name: str, python: str) -> Path:
    """The pipeline fitted in a peer's own environment, so that no version of scikit-learn reads another's file."""
    model = MADE / "environments" / name / "pipeline.joblib"
    if not model.exists() or model.stat().st_mtime < (DATA / "training.csv").stat().st_mtime:
        _made([python, str(PEERS / "pipeline.py"), str(model)], name)
    return model


def _made(command: list[str], name: str) -> None:
    environ = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environ, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NotMeasuredError(f"{name}: its model could not be made: {said[-1][:160]}") from None
