"""From due rows to mails handed over."""
