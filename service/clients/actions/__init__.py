"""Actions change state and flush; they never commit."""
