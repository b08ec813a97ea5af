"""Bring a client list into the database, whole or not at all, and twice the same as once.

`plan` says what a list comes to and only reads; `carry_out` does that, and flushes.
"""

from service.actions.imports.known import known
from service.actions.imports.plans import Count, Plan, Start, plan
from service.actions.imports.writing import carry_out

__all__ = ["Count", "Plan", "Start", "carry_out", "known", "plan"]
