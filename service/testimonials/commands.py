"""Published testimonials, for a website that is built from files."""

import sys
from pathlib import Path

import click
from flask_babel import force_locale

from service.current import company
from service.testimonials.queries import quotations, testimonials


@click.group("testimonials")
def group() -> None:
    """Published testimonials."""


@group.command()
@click.option("--format", "kind", type=click.Choice(sorted(quotations.WRITERS)), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: print it.")
def export(kind: str, out: Path | None) -> None:
    """Write the testimonials that are approved and permitted for the website.

    \b
    Example: flask --app wsgi testimonials export --format md --out testimonials.md
    """
    with force_locale(company().language):
        text = quotations.WRITERS[kind](testimonials.published())
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from None
