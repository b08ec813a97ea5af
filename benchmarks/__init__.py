"""Figures, each as a ratio against a limit or a peer of the same run. Not run by the tests."""
