"""Bring a client list into the database, whole or not at all, and twice the same as once.

`plan` says what a list comes to and only reads; `carry_out` does that, and flushes.
"""

from service.imports.actions.known import known
from service.imports.actions.plans import Count, Plan, Start, plan
from service.imports.actions.writing import carry_out

__all__ = ["Count", "Plan", "Start", "carry_out", "known", "plan"]
