"""Built-in texts: each has one source, which the HTML, the text part and the editor share."""

import re
from html import unescape
from itertools import product

import pytest
from jinja2 import ChoiceLoader, DictLoader
from jinja2.meta import find_undeclared_variables

from service.config import LANGUAGES
from service.mail.kinds import RULES
from service.mail.rendering import built_in_texts, compiled, facts, placeholders
from service.mail.rendering.branding import branding_of
from service.mail.rendering.built_in_texts import built_in, default
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.markdown import parts
from service.mail.rendering.messages import decoded
from service.models import Company, MailKind
from tests.mail.mails import ALL

CHOICES = {
    MailKind.greeting: {"occasion": ("season", "year_end", "anniversary", "birthday")},
    MailKind.testimonial_request: {"why_left": ("", "in_house", "budget", "needs")},
    MailKind.newsletter: {"is_page": ("", "yes"), "is_counted": ("", "yes")},
    MailKind.alert_mail_trouble: {"trouble": ("server", "worker", "late", "bounces")},
    MailKind.alert_door_open: {"is_without_departure": ("", "yes"), "is_responsible": ("", "yes")},
    MailKind.alert_new_answer: {"is_responsible": ("", "yes")},
    MailKind.alert_low_score: {"is_responsible": ("", "yes")},
    MailKind.alert_testimonial: {"is_responsible": ("", "yes")},
}
FACTS = ("", "yes")
INVITATION = MailKind.survey_invitation


@pytest.fixture(autouse=True)
def in_context(any_app):
    """The templates and the catalogs; no test here asks a database anything."""
    return any_app


@pytest.fixture
def changed(any_app, monkeypatch):
    """A function that replaces words in the file of a kind, for one test."""
    environment = any_app.jinja_env
    loader = environment.loader

    def change(kind: MailKind, old: str, new: str) -> None:
        name = f"email/{kind}/body.md"
        source = loader.get_source(environment, name)[0]
        assert old in source
        files = DictLoader({name: source.replace(old, new)})
        monkeypatch.setattr(environment, "loader", ChoiceLoader([files, loader]))
        forget()

    def forget() -> None:
        built_in_texts.built_in.cache_clear()
        compiled.compile_template.cache_clear()

    yield change
    forget()


def values_of(kind: MailKind) -> frozenset[str]:
    """The names of all values that texts of `kind` can have."""
    return frozenset(one.value for one in placeholders.known(kind).values())


def choices_of(kind: MailKind) -> dict[str, tuple[str, ...]]:
    """What decides between the sentences of `kind`, with all that it can be."""
    asked = built_in_texts.asked(kind) & facts.NAMES
    return CHOICES.get(kind, {}) | dict.fromkeys(sorted(asked), FACTS)


def texts_of(kind: MailKind, language: str):
    """The text of `kind` for each combination of its choices, with all values or links only."""
    choices = choices_of(kind)
    links = frozenset(name for name in values_of(kind) if name.endswith("_url"))
    for chosen in product(*choices.values()):
        pairs = tuple(pair for pair in zip(choices, chosen, strict=True) if pair[1])
        for values in (values_of(kind), links):
            yield built_in(kind, language, values, pairs)


def test_a_sentence_changed_in_its_file_changes_html_text_and_the_editors_default(changed):
    changed(INVITATION, "Thank you,", "Thank you so much,")
    branding = branding_of(Company(name="Norte", accent="#0f6b5c", signature="", postal_address=""))
    values = dict.fromkeys(values_of(INVITATION), "x")
    mail = compiled.compile_template(INVITATION, "en", branding, frozenset(values), ())
    for said in (
        decoded(mail.filled_html(values)),
        decoded(mail.filled_text(values)),
        default(INVITATION, "en").body,
    ):
        assert "Thank you so much," in said
        assert "Thank you," not in said


_ADDRESS = re.compile(" \\([^ ]+_url[^ ]*\\)")  # where a link in the text leads


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_no_built_in_text_is_markup_by_accident(kind, language):
    for text in texts_of(kind, language):
        for part in parts(text, kind):
            meant = {"p", "br"} | ({"a"} if "](" in text.body else set())
            assert set(re.findall(r"</?(\w+)", str(part.html))) <= meant, part.html
            plain = unescape(re.sub("<[^>]*>", "", str(part.html)))
            said = _ADDRESS.sub("", part.text)
            assert plain.split() == said.split() or part.what in {"button", "quotation"}


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_a_built_in_text_says_its_subject_its_first_line_and_why(kind, language):
    for text in texts_of(kind, language):
        assert text.subject
        assert text.preheader
        assert text.why
        assert not re.search(r"\{%|%\}|%\(", text.subject + text.preheader + text.why + text.body)


@pytest.mark.parametrize("kind", MailKind)
def test_a_built_in_text_speaks_of_nothing_that_its_mail_does_not_have(any_app, kind):
    environment = any_app.jinja_env
    source = environment.loader.get_source(environment, f"email/{kind}/body.md")[0]
    asked = find_undeclared_variables(environment.parse(source)) - set(environment.globals)
    given = {"greeting", "fact", "quotation", *choices_of(kind)}
    assert asked <= given | set(placeholders.known(kind))


def test_every_word_for_the_team_is_said_somewhere(any_app):
    environment = any_app.jinja_env
    files = ["email/answer.md", "email/why_you.md"]
    files += [f"email/{kind}/body.md" for kind in MailKind if RULES[kind].to_team]
    said = "".join(environment.loader.get_source(environment, file)[0] for file in files)
    unsaid = [one.name for one in placeholders.TO_TEAM if not re.search(rf"\b{one.name}\b", said)]
    assert unsaid == ["first_name"]  # the greeting has it


def test_words_for_the_team_are_none_in_texts_to_clients():
    typed = "{{ client }} {{ contact_phone }} {{ departure_link }}"
    assert placeholders.with_slots(typed, MailKind.thank_you) == typed


def test_facts_one_below_another_are_one_table_whichever_are_known():
    typed = Text("", "| Telephone | 600 |\n\n\n| Mail | a \\| *b* |")
    (table,) = parts(typed, MailKind.alert_door_open)
    assert table.facts == (("Telephone", "600"), ("Mail", "a \\| *b*"))
    assert [part.what for part in parts(typed, MailKind.thank_you)] == ["prose"]


def test_a_quotation_for_the_team_has_the_label_above_it():
    (quotation,) = parts(Text("", "What they say\n{{ message }}"), MailKind.alert_door_open)
    assert (quotation.what, quotation.text, quotation.value) == (
        "quotation",
        "What they say",
        "message",
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("reminder", "first"),
    [
        (MailKind.survey_reminder_1, INVITATION),
        (MailKind.survey_reminder_2, INVITATION),
        (MailKind.testimonial_reminder, MailKind.testimonial_request),
    ],
)
def test_a_reminder_has_the_subject_of_the_mail_that_it_reminds_of(reminder, first, language):
    assert default(reminder, language).subject == default(first, language).subject


def test_a_file_without_front_matter_is_refused(changed):
    changed(MailKind.thank_you, "\n---\n", "\n")
    with pytest.raises(ValueError, match="no front matter"):
        default(MailKind.thank_you, "en")
