"""What the service tells of itself: logs, metrics, traces; nothing of any one person.

Hides files shared by workers and streams that never wait.
"""

__all__ = ["logs", "metric_files", "metrics", "tracing"]
