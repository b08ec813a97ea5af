"""A body in Markdown: what a letter needs becomes a mail, and nothing else becomes anything."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.mail.rendering.branding import branding_of
from service.mail.rendering.compiled import CompiledTemplate, compile_template
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.markdown import beginning, parts
from service.mail.rendering.messages import decoded
from service.models import Company, MailKind

KIND = MailKind.survey_invitation
HOUSE = Company(name="Estudio Norte", accent="#0f6b5c", signature="", postal_address="")
BRANDING = branding_of(HOUSE)
WORDS = {
    "reader_name": "Ana <b>",
    "end_day": "martes 24 de noviembre",
    "survey_url": "https://norte.example/s/x?a=1&b=2",
    "preferences_url": "https://norte.example/p/x",
    "door_url": "https://norte.example/d/x",
    "responsible": "Marta Ruiz",
    "closes_day": "lunes",
    "client": "Ríos & Hijos",
    "full_name": "Ana Ríos",
    "our_name": "Estudio Norte",
    "service": "SEO",
}


def compiled(body: str, subject: str = "Hola", kind: MailKind = KIND, **more) -> CompiledTemplate:
    own = Text(subject, body, **more)
    return compile_template(kind, "es", BRANDING, frozenset(WORDS), (), own)


def html(body: str, **more) -> str:
    return decoded(compiled(body, **more).filled_html(WORDS))


def text(body: str, **more) -> str:
    return decoded(compiled(body, **more).filled_text(WORDS))


def prose(body: str) -> str:
    """The HTML of a body alone, without what the mail puts around it."""
    return "".join(str(part.html) for part in parts(Text("", body), KIND))


@pytest.fixture(autouse=True)
def in_context(any_app):
    """The templates and the catalogs; no test here asks a database anything."""


def test_a_letter_becomes_paragraphs_that_keep_their_line_breaks():
    assert prose("Hola, Ana:\nte escribo\n\nGracias, **de verdad**.") == (
        '<p class="ink">Hola, Ana:<br>\nte escribo</p>\n'
        '<p class="ink">Gracias, <strong>de verdad</strong>.</p>\n'
    )


def test_a_placeholder_is_filled_in_both_parts_and_what_fills_it_is_never_markup():
    body = "Hola, {{ first_name }}: de {{company}}."
    assert "Hola, Ana &lt;b&gt;: de Ríos &amp; Hijos." in html(body)
    assert "Hola, Ana <b>: de Ríos & Hijos." in text(body)


def test_a_link_alone_on_its_line_is_the_button():
    said = html("Hola\n{{ survey_link }}\nadiós")
    assert said.count('class="press"') == 1
    assert 'href="https://norte.example/s/x?a=1&amp;b=2"' in said
    assert "https://norte.example/s/x?a=1&b=2\n\nadiós" in text("Hola\n{{ survey_link }}\nadiós")


def test_a_button_can_have_words_of_its_own():
    said = html("[Cuéntanos, {{ first_name }}]({{ survey_link }})")
    assert re.search(r'class="press"[^>]*>Cuéntanos, Ana &lt;b&gt;</a>', said)


def test_a_mail_keeps_to_one_button_and_further_links_are_links():
    said = html("{{ survey_link }}\n\n{{ door_link }}")
    assert said.count('class="press"') == 1
    assert 'href="https://norte.example/d/x"' in said


def test_a_link_within_a_sentence_is_words_that_lead_there():
    body = "Si quieres, {{ survey_link }} hoy, o [aquí]({{ survey_link }})."
    assert 'class="press"' not in html(body)
    assert html(body).count('href="https://norte.example/s/x?a=1&amp;b=2"') == 2
    assert "o aquí (https://norte.example/s/x?a=1&b=2)." in text(body)


def test_the_scale_is_eleven_cells_that_only_preselect():
    said = html("¿Qué tal?\n\n{{ score_scale }}")
    assert said.count('class="digit"') == 11
    assert "https://norte.example/s/x?a=1&amp;b=2?score=10" in said


def test_the_signature_takes_the_closing_words_above_it_along():
    said = html("Adiós.\n\nUn *abrazo*,\n{{ signature }}")
    assert re.search(r'class="sign ink"[^>]*>Un <em>abrazo</em>,<br>', said)
    assert "Un abrazo,\nMarta Ruiz\nEstudio Norte" in text("Adiós.\n\nUn abrazo,\n{{ signature }}")


def test_lists_quotations_and_links_are_written_as_text_in_the_text_part():
    body = "3. uno\n4. dos\n\n- a\n- b\n  - c\n\n> dicho\n> así\n\n[web](https://a.example/x)"
    assert (
        "3. uno\n4. dos\n\n- a\n- b\n  - c\n\n> dicho\n> así\n\nweb (https://a.example/x)"
        in text(body)
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](data:text/html,x)",
        "[a](//evil.example)",
        "[a](vbscript:x)",
        '[a](https://x.example/"onmouseover=alert(1))',
        "<javascript:alert(1)>",
        "![a](https://evil.example/pixel.gif)",
        "![a](data:image/png;base64,AAAA)",
        "[a]: javascript:alert(1)\n\n[a]",
        "[x](https://a.example 'onclick=alert(1)')",
        "`<b>`",
        "&lt;script&gt;",
    ],
)
def test_hostile_markdown_is_shown_or_left_out_and_never_runs(hostile):
    said = prose(hostile)
    assert not re.search(r"<(?!/?(p|br|a|code|strong|em)\b)", said)
    assert not re.search(r"<[^>]*(javascript|vbscript|data:|onerror|onclick|evil)", said, re.I)
    assert not re.search(r"<[^>]*\son\w+=", said)
    html(hostile)  # and the mail as a whole passes lint


@pytest.mark.parametrize("disguise", ["&#xE000;reader_name&#xE001;", "\ue000reader_name\ue001"])
def test_marks_of_gaps_cannot_be_typed(disguise):
    for body in (disguise, f"[a]({disguise})", f"[a](https://a.example/{disguise})"):
        assert "Ana" not in html(f"Unas palabras: {body}")


def test_only_pictures_that_the_text_brings_along_are_shown():
    picture = ("https://norte.example/media/a.png", "cid:a@norte")
    body = f"![El equipo]({picture[0]})\n\n![otra](https://norte.example/media/b.png)"
    said = html(body, pictures=(picture,))
    assert 'src="cid:a@norte"' in said
    assert 'alt="El equipo"' in said
    assert said.count("<img") == 1
    assert "El equipo" in text(body, pictures=(picture,))


def test_the_line_that_mailboxes_show_is_the_first_that_says_something():
    made = parts(Text("", "Hola, {{ first_name }}:\n\n" + "palabras " * 20), KIND)
    assert beginning(made).startswith("palabras")
    assert len(beginning(made)) <= 85


def test_what_is_nested_deep_or_repeated_often_raises_nothing():
    for hostile in ("[" * 20_000, "![[" * 6_000, "> " * 10_000, "- " * 10_000, "*a_ " * 5_000):
        parts(Text("", hostile), KIND)


ODD = st.text(
    st.sampled_from(list("{}[]()<>!*_`#>-&;:/\\\n \"'|~ab1é\u202e\ue000\ue001\x00\u2028")),
    max_size=120,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    pieces=st.lists(
        ODD
        | st.sampled_from(
            [
                "{{ first_name }}",
                "{{ survey_link }}",
                "{{ signature }}",
                "{{ score_scale }}",
                "[x]({{ survey_link }})",
                "{{ short_version }}",
            ]
        ),
        max_size=8,
    )
)
def test_any_text_becomes_a_mail_or_is_refused_by_lint_alone(pieces):
    body = "Unas palabras para ti.\n\n" + "".join(pieces)
    filled = html(body, subject="".join(pieces)[:100] or "x")
    assert not re.search(r"<script|<iframe|<[^>]*\son\w+=|javascript:[^<]*\">", filled)
    assert not re.search("[\ue000-\uf8ff]", filled + text(body))
