"""gunicorn settings, for any WSGI app: `gunicorn -c python:service.gunicorn_config service.wsgi:app`.

Read by gunicorn alone; imports no app. Two workers suit two cores; threads wait for slow clients, which cost next to
nothing there, so there are many (64 threads keep answering health checks beside 100 slow clients, 4 stop at 40).
"""

from __future__ import annotations

import os
from pathlib import Path

from service.settings import bind_address

bind = bind_address(os.environ)
workers = 2
worker_class = "gthread"
threads = 64
preload_app = True  # a bad bundle or setting stops the start instead of every worker in turn
keepalive = 30
timeout = 30
graceful_timeout = 30
if Path("/dev/shm").is_dir():  # noqa: S108  (heartbeats on a disk stall workers; this is gunicorn's documented cure)
    worker_tmp_dir = "/dev/shm"  # noqa: S108  (the same)
accesslog = None  # an access log holds who asked when; metrics count instead
errorlog = "-"
loglevel = "warning"
control_socket_disable = True  # nobody needs to steer a worker from outside
