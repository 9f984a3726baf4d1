"""Flask that says hello: what the platform alone costs, on the same gunicorn, worker class and settings."""

from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/hello")
def hello():
    return jsonify(hello="world")
