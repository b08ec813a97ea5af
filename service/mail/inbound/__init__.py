"""What mails that came in mean."""
