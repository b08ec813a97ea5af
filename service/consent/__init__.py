"""Who gets mail and who does not: consents, preferences, suppressed addresses."""
