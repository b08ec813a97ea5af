"""Figures keep to their formulas, and to what they can say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statistics import NetPromoterScore, Share, churn_rate

few = st.integers(0, 500)


def test_the_score_is_promoters_minus_detractors_in_percent():
    assert NetPromoterScore(promoters=5, passives=3, detractors=2).value == 30


def test_nobody_asked_gives_no_figure_at_all():
    nobody = NetPromoterScore(0, 0, 0)
    assert (nobody.value, nobody.interval, nobody.is_readable) == (None, None, False)
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


def test_nine_answers_are_too_few_to_read_and_ten_are_enough():
    assert not NetPromoterScore(9, 0, 0).is_readable
    assert NetPromoterScore(5, 3, 2).is_readable
    assert not Share(9, 9).is_readable
    assert Share(9, 10).is_readable


def test_ten_who_all_agree_are_no_certainty():
    interval = NetPromoterScore(10, 0, 0).interval
    assert interval.high == 100
    assert interval.low < 60


def test_the_interval_is_the_adjusted_wald_one():
    # 100 answers: 60 promoters, 25 passives, 15 detractors
    interval = NetPromoterScore(60, 25, 15).interval
    assert interval.low == pytest.approx(29.34, abs=0.01)
    assert interval.high == pytest.approx(58.04, abs=0.01)


def test_the_interval_of_a_share_is_wilsons():
    interval = Share(8, 10).interval
    assert interval.low == pytest.approx(49.02, abs=0.01)
    assert interval.high == pytest.approx(94.33, abs=0.01)


@given(few, few, few)
def test_the_interval_holds_the_score_and_stays_on_the_scale(up, even, down):
    score = NetPromoterScore(up, even, down)
    if score.n:
        assert -100 <= score.interval.low <= score.value + 1e-9
        assert score.value - 1e-9 <= score.interval.high <= 100


@given(few, few)
def test_the_interval_of_a_share_holds_it(part, rest):
    share = Share(part, part + rest)
    if share.n:
        assert 0 <= share.interval.low <= share.value + 1e-9
        assert share.value - 1e-9 <= share.interval.high <= 100


def test_two_of_twelve_clients_are_16_67_percent():
    assert churn_rate(2, 12) == pytest.approx(16.67, abs=0.005)


def test_without_clients_at_the_start_churn_is_unknown():
    assert churn_rate(0, 0) is None
