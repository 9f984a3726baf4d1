"""Who may do what, and how much: keys, rate limits, admission, the network, signed references.

Hides how keys are kept and compared, and how counts are shared.
"""

__all__ = ["access", "admission", "limits", "network", "references"]
