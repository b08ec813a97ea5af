"""The mail doctor: what stands between a mail and its inbox, and what to change in which place.

Checks are functions of a Case and of what earlier checks saw; they ask servers and change nothing.
"""
