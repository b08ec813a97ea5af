"""Shares and scores, each with what keeps it honest: n and a 95 % interval. Pure arithmetic."""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

ENOUGH = 10  # fewer answers than this are too few to read
Z95 = 1.959964  # the standard normal's 97.5 % quantile


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, in the unit of the figure that it belongs to."""

    low: float
    high: float


@dataclass(frozen=True)
class NetPromoterScore:
    """Promoters (9-10) minus detractors (0-6) in percent of all who gave a score: -100 to 100.

    Reichheld, "The One Number You Need to Grow", Harvard Business Review, December 2003.
    """

    promoters: int
    passives: int
    detractors: int

    @property
    def n(self) -> int:
        """How many gave a score."""
        return self.promoters + self.passives + self.detractors

    @property
    def is_readable(self) -> bool:
        """Whether there are enough answers to read anything from it."""
        return self.n >= ENOUGH

    @property
    def value(self) -> float | None:
        """The score, -100 to 100; None without answers."""
        return 100 * (self.promoters - self.detractors) / self.n if self.n else None

    @cached_property
    def interval(self) -> Interval | None:
        """The 95 % interval, by the adjusted Wald method; None without answers.

        Three made-up answers (3/4 promoter, 3/4 detractor, the rest passive) keep it honest for
        few answers and for unanimous ones, where the plain Wald interval has no width at all:
        Rocks, "Interval Estimation for the 'Net Promoter Score'", The American Statistician
        70:4 (2016), 365-372.
        """
        if not self.n:
            return None
        n = self.n + 3
        up, down = (self.promoters + 0.75) / n, (self.detractors + 0.75) / n
        margin = Z95 * sqrt((up + down - (up - down) ** 2) / n)
        return _clamped(100 * (up - down - margin), 100 * (up - down + margin), -100)


@dataclass(frozen=True)
class Share:
    """`part` of `n`, in percent: a response rate, or CSAT (answers of 4 and 5 of 5)."""

    part: int
    n: int

    @property
    def is_readable(self) -> bool:
        """Whether there are enough to read anything from it."""
        return self.n >= ENOUGH

    @property
    def value(self) -> float | None:
        """The percentage, 0 to 100; None of nothing."""
        return 100 * self.part / self.n if self.n else None

    @cached_property
    def interval(self) -> Interval | None:
        """The 95 % score interval; None of nothing.

        Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal
        of the American Statistical Association 22 (1927), 209-212.
        """
        if not self.n:
            return None
        share, z2 = self.part / self.n, Z95**2
        centre = (share + z2 / (2 * self.n)) / (1 + z2 / self.n)
        spread = sqrt(share * (1 - share) / self.n + z2 / (4 * self.n**2))
        margin = Z95 * spread / (1 + z2 / self.n)
        return _clamped(100 * (centre - margin), 100 * (centre + margin), 0)


def churn_rate(left: int, at_start: int) -> float | None:
    """Return the percentage of a month's first clients who left in it; None without any."""
    return 100 * left / at_start if at_start else None


def _clamped(low: float, high: float, lowest: float) -> Interval:
    return Interval(max(lowest, low), min(100.0, high))
