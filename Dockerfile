# Three stages: a wheel, the bundle made and checked from it, and an image that serves. No source tree is copied.
FROM python:3.11-slim-bookworm AS wheel
WORKDIR /build
COPY requirements/run.lock requirements/serve.lock ./
RUN python -m venv /opt/make && /opt/make/bin/pip install --no-cache-dir --require-hashes -r run.lock \
 && python -m venv /opt/arki && /opt/arki/bin/pip install --no-cache-dir --require-hashes -r serve.lock
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY service service
COPY training training
COPY clients clients
COPY fixtures/personas.yaml fixtures/personas.yaml
RUN /opt/make/bin/python -m hatchling build -t wheel

FROM wheel AS bundle
ENV ARKI_BUNDLES=/opt/bundles
RUN /opt/make/bin/pip install --no-cache-dir --no-deps dist/*.whl \
 && /opt/arki/bin/pip install --no-cache-dir --no-deps dist/*.whl
WORKDIR /
RUN /opt/make/bin/arki-bundle build --activate

# Runs on a read-only root without capabilities; it writes to /dev/shm alone (deploy/kubernetes.yaml).
FROM python:3.11-slim-bookworm
COPY --from=bundle /opt/arki /opt/arki
COPY --from=bundle /opt/bundles /opt/bundles
ENV PATH=/opt/arki/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ARKI_BUNDLES=/opt/bundles \
    ARKI_BIND=0.0.0.0:8080 \
    ARKI_RUN=/dev/shm/arki
WORKDIR /
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=1)"]
CMD ["arki-serve"]
