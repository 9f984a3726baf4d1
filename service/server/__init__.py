"""Starting, reloading and developing: `arki-serve`, `arki-reload`, `make run`, and what gunicorn and granian read.

Hides both servers from the app, which knows neither.
"""

__all__ = ["gunicorn_config"]
