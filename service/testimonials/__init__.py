"""Testimonials: written by clients, read and approved by the team, shown in feeds."""
