"""From a row of the outbox to bytes."""
