"""Benchmarks: each prints a ratio to a limit or to a peer of the same run. No test runs them."""
