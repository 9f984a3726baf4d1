"""What makes a model and applies it to files: offline, never imported by the service. Six rooms, each standing on those named before it.

`simulation`, `learning`, `reporting`, `scoring`, `off_policy`, `cli`. A room's `__all__` is its door: the modules that others may import.
"""
