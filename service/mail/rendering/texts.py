"""Subject and body of a mail in Markdown, as a value: a custom text or a built-in one.

What placeholders and Markdown in it come to is said in placeholders.py and markdown.py.
"""

from dataclasses import dataclass

from service.mail.rendering.sanitize import clean

LONGEST_SUBJECT = 120  # characters; a friend would write under 50
LONGEST_BODY = 20_000
WITH_LOGO = 8_000  # a longer body goes without the logo, so that the mail stays under 60 kB


@dataclass(frozen=True, slots=True)
class Text:
    """A subject and a body as typed; equal texts share their compiled templates.

    `pictures` are the only ones that the mail may show: the address written in the Markdown, and
    what the mail asks for in its place ("cid:…"); `widths` say how wide those are drawn, in CSS
    pixels, for programs that do not shrink them. `counted` are the links that lead over this
    service: where one leads, and the address that counts it; `is_counted` has the mail say so.
    """

    subject: str
    body: str
    pictures: tuple[tuple[str, str], ...] = ()
    widths: tuple[tuple[str, int], ...] = ()
    counted: tuple[tuple[str, str], ...] = ()
    is_counted: bool = False

    @property
    def is_long(self) -> bool:
        """Whether there is no room for the logo beside it."""
        return len(self.body) > WITH_LOGO

    @property
    def clean_body(self) -> str:
        """The body without characters that control something; the marks of slots are among them."""
        return clean(self.body)


NOTHING = Text("", "")
