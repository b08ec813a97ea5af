"""The mail catcher of a development run: a real SMTP server, and pages that show what it caught."""
