"""Simulated customers: latent life courses, what channels would observe of them, and how the figures compare with published ones.

Hides the latent states: nothing that learns may see them. Figures and their sources stand in `parameters`.
"""

__all__ = [
    "calibration",
    "calibration_report",
    "population",
    "population_sample",
    "sensitivity",
]
