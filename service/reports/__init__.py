"""Reads only: figures, lists, timelines, and writers for files."""
