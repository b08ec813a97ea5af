"""Tokens say who, for one purpose, to whoever holds a key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from service.tokens import Purpose, Signer, new_public_id

KEY, OLD_KEY = "a key for the tests only", "the key before that one"
SIGNER = Signer([KEY])
ID = "0123456789abcdefghijkl"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_token_says_who(purpose):
    assert SIGNER.read(purpose, SIGNER.sign(purpose, ID)) == ID


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_token_of_one_purpose_is_worthless_for_every_other(purpose):
    token = SIGNER.sign(purpose, ID)
    for other in set(Purpose) - {purpose}:
        assert SIGNER.read(other, token) is None


def test_a_survey_link_cannot_be_used_to_unsubscribe():
    assert SIGNER.read(Purpose.preferences, SIGNER.sign(Purpose.survey, ID)) is None


def test_flipping_any_character_breaks_the_token_or_names_the_same():
    """The last characters of base64 carry spare bits: what counts is the id inside."""
    token = SIGNER.sign(Purpose.survey, ID)
    for place in range(len(token)):
        for letter in LETTERS:
            changed = token[:place] + letter + token[place + 1 :]
            assert SIGNER.read(Purpose.survey, changed) in {None, ID}
            if place < len(token) - 1 and letter != token[place]:
                assert SIGNER.read(Purpose.survey, changed) is None


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_anything_else_is_no_token(text):
    assert SIGNER.read(Purpose.survey, text) is None


def test_an_older_key_still_reads_and_the_newest_signs():
    old = Signer([OLD_KEY]).sign(Purpose.preferences, ID)
    rotated = Signer([OLD_KEY, KEY])
    assert rotated.read(Purpose.preferences, old) == ID
    assert SIGNER.read(Purpose.preferences, rotated.sign(Purpose.preferences, ID)) == ID


def test_a_key_that_was_retired_reads_no_more():
    old = Signer([OLD_KEY]).sign(Purpose.preferences, ID)
    assert SIGNER.read(Purpose.preferences, old) is None


def test_what_is_signed_but_no_name_is_refused():
    for odd in (1, None, ["a"], {"id": ID}):
        token = URLSafeSerializer(KEY, salt="hasta-luego.survey").dumps(odd)
        assert SIGNER.read(Purpose.survey, token) is None


def test_a_token_tells_nothing_personal_and_fits_a_line():
    token = SIGNER.sign(Purpose.survey, new_public_id())
    assert len(token) < 70
    assert set(token) <= set(LETTERS)


def test_public_ids_cannot_be_guessed():
    ids = {new_public_id() for _number in range(1000)}
    assert len(ids) == 1000
    assert {len(public_id) for public_id in ids} == {22}
