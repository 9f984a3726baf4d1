"""Drills: what is promised of the running service, tried on loopback. `make drill` prints them; tests run short forms."""
