"""Import a client list: whole or not at all, twice the same as once.

`plan` computes what the list changes and only reads; `carry_out` does it, and flushes.
"""

from service.imports.actions.plans import Count, Plan, Start, plan
from service.imports.actions.writing import carry_out

__all__ = ["Count", "Plan", "Start", "carry_out", "plan"]
