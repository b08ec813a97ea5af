"""Pure functions of facts that were looked up before. No I/O."""
