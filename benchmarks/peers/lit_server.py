"""LitServe: `python lit_server.py PORT pipeline|estimator|own`."""

from __future__ import annotations

import sys

import litserve

KIND = sys.argv[2]


class Api(litserve.LitAPI):
    """As LitServe's own guide writes it."""

    def setup(self, device):  # noqa: ARG002  (LitServe hands it over)
        if KIND == "own":
            from benchmarks.peers.own import answer

            self.answer = answer
            return
        from pathlib import Path

        from benchmarks.peers.pipeline import row
        from training.reporting.artifacts import read_classifier

        model = read_classifier(Path(sys.argv[3]))
        names = list(getattr(model, "classes_", model[-1].classes_))

        def answer_of(body):
            chances = model.predict_proba(row(body["features"]))[0]
            best = int(chances.argmax())
            return {"segment": str(names[best]), "probability": float(chances[best])}

        self.answer = answer_of

    def decode_request(self, request):
        return request

    def predict(self, x):
        return self.answer(x)

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", devices=1, workers_per_device=2)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning")
