"""What is shipped for operators: parses, names what exists, and agrees with the service and its lock."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import redis
import yaml
from conftest import ROOT
from sqlalchemy import create_engine

from drills.nginx import serving_behind_nginx
from drills.server import CUSTOMER
from drills.table import CannotRunError, in_ci, needs
from service.observability import metrics
from service.settings import Settings

DEPLOY = ROOT / "deploy"
SPEC = importlib.util.spec_from_file_location("sbom", DEPLOY / "sbom.py")
sbom = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(sbom)


def metric_names():
    """Every sample name that the service exposes."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + suffix for family in metrics._own.collect() for suffix in suffixes[family.type]}


def labels_of(name):
    bare = re.sub("_(total|bucket|sum|count)$", "", name)
    (found,) = [c for c in metrics._own._collector_to_names if c._name == bare]
    return {*found._labelnames, *({"le"} if name.endswith("_bucket") else ())}


def expressions():
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    yield from (pytest.param(rule["expr"], id=rule["alert"]) for rule in rules)
    for panel in panels:
        yield from (pytest.param(t["expr"], id=f"{panel['title']}-{t['refId']}") for t in panel["targets"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_alert_or_panel_names_metrics_and_labels_that_exist(expression):
    used = set(re.findall(r"arki_\w+", expression))
    assert used
    assert used <= metric_names()
    labels = {label for name in used for label in labels_of(name)}
    named = re.findall(r"[{,]\s*(\w+)=", expression)
    named += [label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")]
    assert set(named) <= labels


def test_every_metric_is_on_the_dashboard():
    shown = (DEPLOY / "grafana.json").read_text()
    for family in metrics._own.collect():
        assert family.name in shown, family.name


def test_each_alert_says_what_happened_and_what_to_do():
    for rule in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["action"].endswith(".")


@pytest.fixture(scope="module")
def kinds():
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


def test_the_cluster_probes_limits_scales_and_keeps_enough(kinds):
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (
        container["readinessProbe"]["httpGet"]["path"]
        == container["startupProbe"]["httpGet"]["path"]
        == "/readyz"
    )
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["resources"]["limits"]["memory"]
    assert kinds["PodDisruptionBudget"]["spec"]["minAvailable"] < kinds["Deployment"]["spec"]["replicas"]
    assert kinds["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == kinds["Deployment"]["spec"]["replicas"]
    assert pod["terminationGracePeriodSeconds"] > 30  # the server's own


def test_the_pod_has_no_rights(kinds):
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    rights = pod["containers"][0]["securityContext"]
    assert rights == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (65532, True)
    assert pod["automountServiceAccountToken"] is False


def test_the_pod_sets_only_settings_that_exist(kinds, tmp_path):
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    secret = kinds["Secret"]["stringData"] | {"secret": "s" * 40}
    given = {
        entry["name"]: entry["value"]
        if "value" in entry
        else secret[entry["valueFrom"]["secretKeyRef"]["key"]]
        for entry in container["env"]
    }
    (tmp_path / "keys.json").write_text(kinds["Secret"]["stringData"]["keys.json"])
    settings = Settings.from_environ(given | {"ARKI_KEYS": str(tmp_path / "keys.json")})
    assert settings.redis_url
    assert settings.trusted_proxies
    listed = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert {name for name in given if f"`{name}`" not in listed} == set()


def test_the_cluster_speaks_to_redis_and_postgresql_in_checked_tls_alone(kinds):
    urls = {name: url for name, url in kinds["Secret"]["stringData"].items() if name.endswith("-url")}
    connection = redis.Redis.from_url(urls.pop("redis-url")).connection_pool.make_connection()
    assert (connection.cert_reqs, connection.check_hostname) == (ssl.CERT_REQUIRED, True)
    asked = create_engine(urls.pop("outcomes-url")).url.query
    assert asked == {"sslmode": "verify-full", "sslrootcert": connection.ca_certs}
    assert urls == {}
    jobs = [kinds["Deployment"]["spec"], kinds["CronJob"]["spec"]["jobTemplate"]["spec"]]
    for pod in (job["template"]["spec"] for job in jobs):
        assert {"name": "ca", "configMap": {"name": "arki-ca"}} in pod["volumes"]
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert f"{mounts['ca']}/ca.crt" == connection.ca_certs


def test_the_bill_of_materials_is_that_of_the_lock():
    lock = (ROOT / "requirements" / "serve.lock").read_text()
    committed = json.loads((DEPLOY / "sbom.cdx.json").read_text())
    assert committed == sbom.bill(lock, "arki", committed["metadata"]["component"]["version"]), (
        "run make sbom"
    )
    pinned = set(re.findall(r"^([a-z0-9_.-]+)==", lock, re.MULTILINE))
    assert {component["name"] for component in committed["components"]} == pinned
    assert all(component["hashes"] for component in committed["components"])


def test_the_image_passes_hadolint():
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_and_writes_to_memory_alone():
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 65532:65532" in text
    assert "ARKI_RUN=/dev/shm" in text


def test_nginx_in_front_forwards_buffers_and_hides_metrics(tmp_path, bundles):
    try:
        with serving_behind_nginx(tmp_path, bundles) as proxied:
            there, server, key = proxied.front, proxied.back, proxied.key
            assert there.ask("/v1/recommendations", CUSTOMER, key=key)[0] == 200
            assert there.ask("/metrics", key=key)[0] == 404
            assert server.ask("/metrics", key=key)[0] == 200
            status, headers, body = there.ask("/v1/recommendations/batch", b" " * 3_000_000)
            assert (status, headers["content-type"]) == (413, "application/problem+json")
            assert json.loads(body)["status"] == 413
            server.process.terminate()
            server.process.wait(timeout=40)
            status, headers, body = there.ask("/healthz")
            assert (status, headers["content-type"]) == (503, "application/problem+json")
            assert headers["retry-after"] == "5"
    except CannotRunError as missing:
        (pytest.fail if in_ci() else pytest.skip)(str(missing))


def test_programs_are_looked_for_and_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CannotRunError, match="redis-server is not installed"):
        needs("redis-server")
