"""Actions: each changes state and flushes, and never commits."""
