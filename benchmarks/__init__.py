"""Arki measured beside what a user would pick instead. `make bench`; docs/performance.md tells what came of it."""
