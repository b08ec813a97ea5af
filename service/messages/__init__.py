"""The texts of the mails: custom ones, previews, test mails."""
