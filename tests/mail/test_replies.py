"""Machines and people are told apart, and people's words are told from what they answer to."""

import pytest

from service.mail.inbound import incoming, replies
from tests.mail.coming_in import answer


def read(**more):
    return incoming.read(answer(**more))


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-replied (vacation)"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"X_Auto_Response_Suppress": "All"},
        {"Return_Path": "<>"},
        {"subject": "Fuera de la oficina: Gracias"},
        {"subject": "Respuesta automática: Gracias por estos años"},
        {"subject": "Automatic reply: Thank you"},
        {"subject": "Out of Office Re: Thank you"},
        {"sender": "noreply@daz.example"},
    ],
)
def test_an_automatic_answer_is_known_as_one(headers):
    assert replies.is_automatic(read(**headers))


@pytest.mark.parametrize(
    "headers", [{}, {"Auto_Submitted": "no"}, {"subject": "Sobre la oficina nueva"}]
)
def test_a_persons_answer_is_not(headers):
    assert not replies.is_automatic(read(**headers))


@pytest.mark.parametrize(
    "quoted",
    [
        "> Gracias por estos años",
        "El mar, 24 nov 2026 a las 10:00, Marta Ruiz (<hola@norte.example>) escribió:",
        "El mar, 24 nov 2026 a las 10:00, Marta Ruiz (<una.direccion.larga@norte.example>)\n"
        "escribió:",
        "On Tue, Nov 24, 2026 at 10:00 AM Marta Ruiz <hola@norte.example> wrote:",
        "-----Mensaje original-----",
        "----- Original Message -----",
        "De: Marta Ruiz <hola@norte.example>\nEnviado: martes",
        "________________________________\nDe: Marta",
        "-- \nRuy Díaz\nBodegas",
    ],
)
def test_what_is_quoted_is_cut_off(quoted):
    text = f"Hola, Marta:\n\nhablamos el lunes.\n\n{quoted}\nlo de antes\n"
    assert replies.excerpt(read(text=text)) == "Hola, Marta:\n\nhablamos el lunes."


def test_an_html_answer_is_read_as_words():
    mail = answer().replace(b"text/plain", b"text/html")
    head, _, _ = mail.partition(b"\n\n")
    html = b"<style>p{}</style><p>Hola &lt;b&gt;<script>alert(1)</script></p><p>Adi&oacute;s</p>"
    assert replies.excerpt(incoming.read(head + b"\n\n" + html)) == "Hola <b>\nAdiós"


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "unsubscribe"},
        {"subject": "Baja"},
        {"subject": "BAJA."},
        {"text": "baja\n\n> Gracias"},
        {"text": "Unsubscribe!"},
        {"text": "Quiero darme de baja\nGracias"},
    ],
)
def test_who_asks_for_no_more_mail_is_understood(more):
    mail = read(**more)
    assert replies.wants_out(mail, replies.excerpt(mail))


@pytest.mark.parametrize(
    "more",
    [
        {"text": "La baja de María nos retrasa."},
        {"subject": "Re: baja"},
        {"text": "How do I unsubscribe from the other list?"},
        {"text": "> unsubscribe"},
        {"text": ""},
    ],
)
def test_who_speaks_of_it_does_not_ask_for_it(more):
    mail = read(**more)
    assert not replies.wants_out(mail, replies.excerpt(mail))
