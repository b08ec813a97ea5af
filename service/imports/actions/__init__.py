"""Import a client list: whole or not at all, twice the same as once.

`plan` computes what the list changes and only reads; `stage` makes its rows ready, and `publish`
makes them real.
"""

from service.imports.actions.plans import Count, Plan, Start, plan
from service.imports.actions.writing import NOTHING, Choice, Staged, publish, stage

__all__ = ["NOTHING", "Choice", "Count", "Plan", "Staged", "Start", "plan", "publish", "stage"]
