"""Which language a page speaks to somebody whom nobody knows."""

import pytest


@pytest.mark.parametrize(
    ("browser", "language"),
    [
        ("es", "es"),
        ("es-ES,en", "es"),
        ("es-419,es;q=0.9,en;q=0.8", "es"),
        ("en-GB,es;q=0.5", "en"),
        ("fr-FR,en;q=0.8,es;q=0.5", "en"),
        ("eu,gl", "es"),  # none that we speak: the company's
        ("", "es"),
        ("*;q=nonsense,,;", "es"),
    ],
)
def test_a_stranger_is_answered_in_the_language_of_the_browser(client, browser, language):
    page = client.get("/login", headers={"Accept-Language": browser})
    assert f'<html lang="{language}"' in page.text
