"""Ratios in one run on one machine; `make bench` prints them, docs/benchmarks.md keeps them."""
