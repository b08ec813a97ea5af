"""Questions about facts that are known already. No I/O."""
