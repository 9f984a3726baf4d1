"""Starting and stopping: settings, what a serving process loads, and each server on loopback from end to end."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from drills.server import free_port
from models.contract.environment import BUNDLES
from models.decision import bundle
from service.app import StartError, create_app
from service.server import dev
from service.settings import ALWAYS_TRUSTED, SERVERS, Settings, SettingsError

HEAVY = ("numpy", "pandas", "sklearn", "scipy", "pyarrow", "ruamel", "joblib", "matplotlib")
SECRET = "s" * 32
START_LIMIT_S = 120
SERVE = [sys.executable, "-m", "service.server.serve"]


def test_settings_have_safe_defaults():
    settings = Settings.from_environ({})
    assert settings.bind == "127.0.0.1:8080"
    assert settings.dev_key is None
    assert settings.trusted_hosts == {"127.0.0.1", "localhost", "[::1]"}
    assert len(settings.secret) >= 32


def test_settings_are_read_from_the_environment(tmp_path):
    (tmp_path / "keys.json").write_text('{"keys": []}')
    settings = Settings.from_environ(
        {
            "ARKI_BUNDLES": "/srv/bundles",
            "ARKI_KEYS": str(tmp_path / "keys.json"),
            "ARKI_SECRET": SECRET,
            "ARKI_TRUSTED_HOSTS": "arki.example.fi, Arki.internal",
            "PORT": "9000",
        }
    )
    assert str(settings.bundles) == "/srv/bundles"
    assert settings.bind == "127.0.0.1:9000"
    assert settings.trusted_hosts == ALWAYS_TRUSTED | {"arki.example.fi", "arki.internal"}


@pytest.mark.parametrize("key", ["x", "ä b", "0", "a:b,c", "'\"$(x)"])
def test_a_development_key_is_taken_verbatim(key):
    assert Settings.from_environ({"ARKI_DEV_KEY": key}).dev_key == key


BAD_SETTINGS = {
    "outcomes-mysql": (
        {"ARKI_OUTCOMES_URL": "mysql://user:secret@db/arki"},
        (
            "ARKI_OUTCOMES_URL must begin with sqlite:/// or postgresql+psycopg://, "
            "such as sqlite:////srv/arki/outcomes.db or postgresql+psycopg://arki@db/arki."
        ),
    ),
    "outcomes-three": (
        {"ARKI_OUTCOMES_SMALLEST": "3"},
        "ARKI_OUTCOMES_SMALLEST must be at least 4: smaller groups can give a person away.",
    ),
    "reference-days": (
        {"ARKI_REFERENCE_DAYS": "91"},
        "ARKI_REFERENCE_DAYS must be a whole number from 1 to 90.",
    ),
    "second-secret-short": (
        {"ARKI_SECRET": f"{SECRET},short"},
        (
            "ARKI_SECRET must have at least 32 characters where ARKI_KEYS is set; every worker and machine needs the same "
            "one. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        ),
    ),
    "port-text": ({"PORT": "web"}, "PORT must be a whole number from 1 to 65535."),
    "port-zero": ({"PORT": "0"}, "PORT must be a whole number from 1 to 65535."),
    "port-large": ({"PORT": "65536"}, "PORT must be a whole number from 1 to 65535."),
    "key-newline": (
        {"ARKI_DEV_KEY": "a\nb"},
        "ARKI_DEV_KEY has a character that no HTTP header can carry. Choose another key.",
    ),
    "key-everywhere": (
        {"ARKI_DEV_KEY": "a", "ARKI_BIND": "0.0.0.0:8080"},
        (
            "ARKI_DEV_KEY works on loopback alone, but the service would listen on 0.0.0.0:8080. "
            "Unset ARKI_DEV_KEY and set ARKI_KEYS, or unset ARKI_BIND."
        ),
    ),
    "short-secret": (
        {"ARKI_SECRET": "short"},
        (
            "ARKI_SECRET must have at least 32 characters where ARKI_KEYS is set; every worker and machine needs the same "
            "one. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        ),
    ),
    "no-keys-file": (
        {"ARKI_KEYS": "/nowhere/keys.json"},
        (
            "ARKI_KEYS names /nowhere/keys.json, which is no file. Make it with: "
            "arki-keys create --scope recommend --days 90 --keys /nowhere/keys.json"
        ),
    ),
    "server-unknown": ({"ARKI_SERVER": "uvicorn"}, "ARKI_SERVER must be gunicorn or granian."),
    "no-threads": ({"ARKI_THREADS": "0"}, "ARKI_THREADS must be a whole number from 1 to 256."),
    "host-with-scheme": (
        {"ARKI_TRUSTED_HOSTS": "https://arki.example.fi"},
        (
            "ARKI_TRUSTED_HOSTS must be host names separated by commas, without scheme, port, path or *, "
            "such as arki.example.fi,arki.internal."
        ),
    ),
}


@pytest.mark.parametrize(("environ", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_bad_setting_stops_the_start_and_says_what_to_do(environ, message):
    with pytest.raises(SettingsError) as error:
        Settings.from_environ(environ)
    assert str(error.value) == message


def test_keys_without_a_secret_do_not_start(tmp_path):
    (tmp_path / "keys.json").write_text('{"keys": []}')
    with pytest.raises(SettingsError, match="ARKI_SECRET must have"):
        Settings.from_environ({"ARKI_KEYS": str(tmp_path / "keys.json")})


def test_without_a_bundle_the_service_does_not_start(tmp_path):
    with pytest.raises(StartError, match="no bundle is active"):
        create_app(Settings(bundles=tmp_path))


def test_the_serving_process_stays_small(bundles):
    script = (
        "import sys, service.wsgi\n"
        "client = service.wsgi.app.test_client()\n"
        "body = {'customer_type': 'person', 'signals': {'minor': False}}\n"
        "for path in ('recommendations', 'explanations'):\n"
        "    answer = client.post(f'/v1/{path}', json=body, headers={'Authorization': 'Bearer k'})\n"
        "    assert answer.status_code == 200, answer.text\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    environ = os.environ | {"ARKI_BUNDLES": str(bundles), "ARKI_DEV_KEY": "k"}
    found = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("server", SERVERS)
def test_a_start_that_fails_says_why_in_one_line(server, tmp_path):
    environ = environ_of(tmp_path, ARKI_SERVER=server, ARKI_BUNDLES=str(tmp_path / "none"))
    found = subprocess.run(SERVE, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith(f"Arki cannot start. no bundle is active in {tmp_path / 'none'}")
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("server", SERVERS)
def test_a_process_id_that_was_left_behind_stands_in_nobodys_way(server, bundles, tmp_path):
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "run" / "pid").write_text(f"{os.getpid()}\n")  # kill -9, and the number is another's now
    (tmp_path / "run" / "ready").mkdir()
    (tmp_path / "run" / "ready" / str(os.getpid())).touch()
    environ = environ_of(tmp_path, ARKI_SERVER=server, ARKI_BUNDLES=str(bundles))
    with started(SERVE, environ, tmp_path) as process:
        wait_until_it_answers(f"http://127.0.0.1:{environ['PORT']}/healthz", process)
        assert int((tmp_path / "run" / "pid").read_text()) == process.pid
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
        other = environ | {"PORT": str(free_port())}
        again = subprocess.run(SERVE, env=other, capture_output=True, text=True, check=False, timeout=60)
        assert again.returncode == 1
        assert again.stderr == (
            f"Arki cannot start. A service already runs with {tmp_path / 'run'}. Stop it, or set ARKI_RUN, or PORT, "
            "to have another beside it.\n"
        )
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_cannot_be_used_is_named(bundles, tmp_path):
    (tmp_path / "run").write_text("a file")
    environ = environ_of(tmp_path, ARKI_BUNDLES=str(bundles))
    found = subprocess.run(SERVE, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 1
    assert found.stderr.startswith(f"Arki cannot start. The folder {tmp_path / 'run'} cannot be used (")


def test_too_few_open_files_stop_the_start(bundles, tmp_path):
    environ = environ_of(tmp_path, ARKI_BUNDLES=str(bundles))
    found = subprocess.run(
        ["sh", "-c", 'ulimit -n 80; exec "$@"', "sh", *SERVE],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.stderr == (
        "Arki cannot start. Only 80 files may be open at a time. Allow 256: ulimit -n 256.\n"
    )


def environ_of(folder, **settings):
    """An environment with no settings but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARKI_")}
    given = {"ARKI_RUN": str(folder / "run"), "ARKI_DEV_KEY": "k", "PORT": str(free_port())}
    return kept | given | settings


def fetch(url, *, body=None, key=None, headers=None):
    sent = dict(headers or {})
    if key:
        sent["Authorization"] = f"Bearer {key}"
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=body, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def wait_until_it_answers(url, process):
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.said.read_text()
        try:
            return fetch(url)
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer within {START_LIMIT_S} s")
    return None


@contextmanager
def started(command, environ, folder, **options):
    """A process ended with SIGTERM, which must end well; what it says goes to files, which never fill as a pipe does."""
    with (folder / "said").open("wb") as said, (folder / "printed").open("wb") as printed:
        process = subprocess.Popen(command, env=environ, stdout=printed, stderr=said, **options)
    process.said, process.printed = folder / "said", folder / "printed"
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 0  # a worker still starting is killed after graceful_timeout
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module", params=SERVERS)
def server(request, bundles, tmp_path_factory):
    """The address of the real service, on each server."""
    folder = tmp_path_factory.mktemp("server")
    environ = environ_of(
        folder, ARKI_SERVER=request.param, ARKI_BUNDLES=str(bundles), ARKI_DEV_KEY="end to end"
    )
    with started(SERVE, environ, folder) as process:
        address = f"http://127.0.0.1:{environ['PORT']}"
        wait_until_it_answers(f"{address}/healthz", process)
        yield address


BODY = json.dumps(
    {"customer_type": "person", "signals": {"life_events": [{"event": "KE8", "months_ago": 1}]}}
).encode()


def test_each_server_serves_the_shipped_bundle(server, store):
    status, answer = fetch(f"{server}/v1/recommendations", body=BODY, key="end to end")
    assert status == 200
    assert json.loads(answer)["items"][0]["reason"]["text"]
    status, ready = fetch(f"{server}/readyz")
    assert status == 200
    assert json.loads(ready)["bundle"] == store.recommender().versions.bundle


def test_every_worker_signs_with_the_same_secret_and_serves_the_same_bundle(server):
    bundles = {json.loads(fetch(f"{server}/readyz")[1])["bundle"] for _ in range(20)}
    assert len(bundles) == 1


def test_each_server_gets_refusals_of_large_bodies_across(server):
    for size in (70_000, 1_000_000, 4_000_000):
        for key in ("end to end", "wrong"):
            status, answer = fetch(f"{server}/v1/recommendations", body=b" " * size, key=key)
            assert status == (413 if key == "end to end" else 401)
            assert json.loads(answer)["detail"]


@pytest.mark.parametrize(
    "chunks", [b"5\r\nabc", b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n\r\n"], ids=["short", "no-size", "minus"]
)
def test_a_malformed_chunked_body_is_400(server, chunks):
    host, _, port = server.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/recommendations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer end to end\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            + chunks
        )
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").readline().split()[1] == b"400"


def test_gunicorn_config_serves_any_wsgi_app(tmp_path):
    (tmp_path / "hello.py").write_text(
        "def app(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n"
    )
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ARKI_")} | {
        "PORT": str(port)
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:service.server.gunicorn_config", "hello:app"]
    with started(command, environ, tmp_path, cwd=tmp_path) as process:
        assert wait_until_it_answers(f"http://127.0.0.1:{port}/", process) == (200, b"hello")


def test_make_run_prints_a_command_that_answers_with_a_reason(bundles, tmp_path):
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ARKI_")}
    environ |= {"ARKI_BUNDLES": str(bundles), "PORT": str(port), "ARKI_DEV_KEY": "it's a key"}
    with started([sys.executable, "-m", "service.server.dev"], environ, tmp_path) as process:
        wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", process)
    printed = process.printed.read_text()
    assert f"http://127.0.0.1:{port}/docs" in printed
    command = shlex.split(next(line for line in printed.splitlines() if line.startswith("curl ")))
    assert "Authorization: Bearer it's a key" in command


def test_the_printed_command_answers_with_a_reason(client):
    environ = {"ARKI_DEV_KEY": "a key for tests"}
    text = dev.welcome("http://127.0.0.1:8080", environ)
    command = shlex.split(next(line for line in text.splitlines() if line.startswith("curl ")))
    answer = client.post("/v1/recommendations", data=command[-1], content_type="application/json")
    assert answer.json["items"][0]["reason"]["text"]
    for path in re.findall(r"http://127\.0\.0\.1:8080(/\S+)", text):
        if path != "/v1/recommendations":
            assert client.get(path, follow_redirects=True).status_code == 200


def test_a_development_start_without_a_bundle_says_so_before_anything_else(tmp_path):
    environ = os.environ | {"ARKI_BUNDLES": str(tmp_path / "none"), "PORT": str(free_port())}
    command = [sys.executable, "-m", "service.server.dev"]
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("Arki cannot start. no bundle is active in ")


def test_a_port_in_use_is_named(bundles):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environ = os.environ | {"ARKI_BUNDLES": str(bundles), "PORT": str(port)}
        found = subprocess.run(
            [sys.executable, "-m", "service.server.dev"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert found.returncode == 1
    assert f"Port {port} cannot be used (Address already in use)." in found.stderr
    assert f"make run PORT={port + 1}" in found.stderr


def test_every_worker_comes_to_serve_an_activated_bundle(tmp_path, authored):
    documents = dict(authored.parts())
    first = bundle.build(tmp_path, documents)
    changed = documents["texts.json"] | {"notice": dict.fromkeys(("fi", "sv", "en"), "Changed.")}
    second = bundle.build(tmp_path, documents | {"texts.json": changed})
    bundle.activate(tmp_path, first)
    port = free_port()
    environ = os.environ | {"ARKI_BUNDLES": str(tmp_path), "ARKI_DEV_KEY": "k", "PORT": str(port)}
    with started(SERVE, environ, tmp_path) as process:
        ready = f"http://127.0.0.1:{port}/readyz"
        wait_until_it_answers(ready, process)
        bundle.activate(tmp_path, second)
        deadline, served = time.monotonic() + START_LIMIT_S, set()
        while served != {second[:8]} and time.monotonic() < deadline:  # how soon, `make drill` tells
            served = {json.loads(fetch(ready)[1])["bundle"][:8] for _ in range(20)}
    assert served == {second[:8]}


def test_the_documentation_lists_every_setting_with_its_default(request):
    table = (request.config.rootpath / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    rows = {
        name: cells[1].strip()
        for cells in (line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `"))
        for name in re.findall(r"`(\w+)`", cells[0])
    }
    code = "".join(
        (request.config.rootpath / "service" / f"{name}.py").read_text(encoding="utf-8")
        for name in ("settings", "server/gunicorn_config", "server/serve")
    )
    read = set(re.findall(r'environ(?:\.get\(|\[|, )\s*"([A-Z_]+)"', code)) | set(
        re.findall(r'(?:whole_number|_on_or_off)\((?:os\.)?environ, "([A-Z_]+)"', code)
    )
    assert set(rows) == read - {"PROMETHEUS_MULTIPROC_DIR"} | {BUNDLES}
    defaults = Settings.from_environ({})
    given = Settings.from_environ(
        {
            name: value.strip("`")
            for name, value in rows.items()
            if value.startswith("`") and not {"<", ":"} & set(value)
        }
    )
    for field in ("bundles", "rate_limit", "log_requests"):
        assert getattr(given, field) == getattr(defaults, field)
    assert (rows["PORT"], rows["ARKI_RUN"]) == ("`127.0.0.1:8080`", "`/dev/shm/arki-<uid>-<port>`")
    assert rows["ARKI_WORKERS"] == "`2`"
    assert rows["ARKI_THREADS"].startswith(f"`{SERVERS['gunicorn']}`")


OPERATING = {
    "cors-star": (
        {"ARKI_CORS_ORIGINS": "*"},
        (
            "ARKI_CORS_ORIGINS must be exact origins separated by commas, in lower case, without path or *, "
            "such as https://www.example.fi,https://test.example.fi:8443."
        ),
    ),
    "cors-path": (
        {"ARKI_CORS_ORIGINS": "https://a.example/x"},
        (
            "ARKI_CORS_ORIGINS must be exact origins separated by commas, in lower case, without path or *, "
            "such as https://www.example.fi,https://test.example.fi:8443."
        ),
    ),
    "proxies-name": (
        {"ARKI_TRUSTED_PROXIES": "proxy.example"},
        "ARKI_TRUSTED_PROXIES must be addresses or networks separated by commas, such as 10.0.0.0/8,127.0.0.1.",
    ),
    "limit-day": (
        {"ARKI_RATE_LIMIT": "5/day"},
        "ARKI_RATE_LIMIT must be a number of requests by second, minute or hour, such as 6000/minute, or off.",
    ),
    "redis-http": (
        {"ARKI_REDIS_URL": "http://a"},
        "ARKI_REDIS_URL must begin with redis://, rediss:// or unix://.",
    ),
    "log-maybe": ({"ARKI_LOG_REQUESTS": "maybe"}, "ARKI_LOG_REQUESTS must be on or off."),
}


@pytest.mark.parametrize(("environ", "message"), OPERATING.values(), ids=OPERATING)
def test_a_bad_operating_setting_says_what_to_do(environ, message):
    with pytest.raises(SettingsError) as error:
        Settings.from_environ(environ)
    assert str(error.value) == message


RELOAD = [sys.executable, "-c", "from service.server.reload import main; main()"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_reload_replaces_each_worker_and_one_of_code_that_does_not_start_none(server, tmp_path, bundles):
    from drills.server import serving

    with serving(tmp_path, bundles, ARKI_SERVER=server) as running:
        before = running.workers()
        environ = running.environ | {"ARKI_RATE_LIMIT": "never"}
        done = subprocess.run(RELOAD, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert (
            "The new code does not start, so nothing was changed. Arki cannot start. ARKI_RATE_LIMIT"
            in done.stderr
        )
        assert running.workers() == before
        done = subprocess.run(RELOAD, env=running.environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "2 workers replaced.\n"), done.stderr
        assert len(running.workers()) == 2
        assert not running.workers() & before
        assert running.ask("/v1/recommendations", json.loads(BODY))[0] == 200


@pytest.mark.parametrize("server", SERVERS)
def test_a_worker_that_is_killed_is_replaced(server, tmp_path, bundles):
    from drills.server import serving

    with serving(tmp_path, bundles, ARKI_SERVER=server) as running:
        before = running.workers()
        os.kill(min(before), signal.SIGKILL)
        deadline = time.monotonic() + START_LIMIT_S
        while len(running.workers() - {min(before)}) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(running.workers() & before) == 1
        assert {running.ask("/healthz")[0] for _ in range(10)} == {200}


def test_a_reload_without_a_service_says_so(tmp_path):
    environ = os.environ | {"ARKI_RUN": str(tmp_path)}
    command = [sys.executable, "-c", "from service.server.reload import main; main()"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.stderr == (
        f"Error: No service runs with {tmp_path}. "
        "Run arki-reload as its user, with its ARKI_BIND, PORT and ARKI_RUN.\n"
    )
