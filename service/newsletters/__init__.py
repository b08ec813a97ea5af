"""Newsletters, their issues and audiences; greetings."""
