"""What waits for whom today, as a page and as a calendar."""
