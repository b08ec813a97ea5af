"""From a row in the outbox to a mail handed over."""
