"""Pages that are reached by a link."""
