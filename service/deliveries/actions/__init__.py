"""What may happen: each verb changes state and flushes, never commits."""
