"""Whom a newsletter is for: plain values that narrow down, kept as JSON. Nothing here asks rows.

Whether each of them may be written to is not said here: that is always asked besides.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from service.models.departures import Reason


class Who(StrEnum):
    """Where they stand with the company."""

    former = "former"
    clients = "clients"
    all = "all"


class Side(StrEnum):
    """Who gave the reason for leaving."""

    either = "either"
    provider = "provider"
    client = "client"


@dataclass(frozen=True, slots=True)
class Audience:
    """Each value narrows down; an empty one lets everybody through."""

    who: Who = Who.former
    languages: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    reasons_of: Side = Side.either
    likelihood_from: int | None = None  # 0-10, that they would come back
    score_from: int | None = None  # 0-10
    score_to: int | None = None
    merits_it: bool = False  # nothing that went wrong is open, and it was not we who ended it

    def as_json(self) -> dict[str, Any]:
        """Return what is kept."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return the audience that was kept."""
        return cls(
            who=Who(kept.get("who", Who.former)),
            languages=tuple(kept.get("languages", ())),
            services=tuple(kept.get("services", ())),
            groups=tuple(kept.get("groups", ())),
            reasons=tuple(Reason(one) for one in kept.get("reasons", ())),
            reasons_of=Side(kept.get("reasons_of", Side.either)),
            likelihood_from=kept.get("likelihood_from"),
            score_from=kept.get("score_from"),
            score_to=kept.get("score_to"),
            merits_it=bool(kept.get("merits_it")),
        )


def _plain(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, tuple) else value
