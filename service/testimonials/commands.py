"""The flask command that writes published testimonials to a file, for a static website."""

import sys
from pathlib import Path

import click
from flask_babel import force_locale

from service.current import company
from service.testimonials import queries


@click.group("testimonials")
def group() -> None:
    """Published testimonials."""


@group.command()
@click.option("--format", "kind", type=click.Choice(sorted(queries.WRITERS)), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: print it.")
def export(kind: str, out: Path | None) -> None:
    """Write the testimonials that are approved and permitted for the website.

    \b
    Example: flask --app wsgi testimonials export --format md --out testimonials.md
    """
    with force_locale(company().language):
        text = queries.WRITERS[kind](queries.published())
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from None
