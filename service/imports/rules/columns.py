"""The columns that an import knows, by their English and Spanish names. Reads no cell."""

import unicodedata
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache


class Column(StrEnum):
    """What a column may hold, in the order that a new list would have."""

    client = "client"
    contact = "contact"
    email = "email"
    language = "language"
    phone = "phone"
    group = "group"
    service = "service"
    started_on = "started_on"
    notice_on = "notice_on"
    end_on = "end_on"
    reasons = "reasons"
    responsible = "responsible"
    monthly_value = "monthly_value"
    acquisition_cost = "acquisition_cost"
    margin = "margin"
    keep_in_touch = "keep_in_touch"
    notes = "notes"


CountKnown = Callable[[Iterable[object]], int]  # as count_known, for another list's columns

HEADER_WITHIN = 20  # lines; a title may stand above the header
REQUIRED = (Column.client, Column.contact, Column.email)

SPANISH = {
    Column.client: "cliente",
    Column.contact: "contacto",
    Column.email: "email",
    Column.language: "idioma",
    Column.phone: "teléfono",
    Column.group: "grupo",
    Column.service: "servicio",
    Column.started_on: "inicio",
    Column.notice_on: "aviso",
    Column.end_on: "fin",
    Column.reasons: "motivos",
    Column.responsible: "responsable",
    Column.monthly_value: "cuota",
    Column.acquisition_cost: "coste_captacion",
    Column.margin: "margen",
    Column.keep_in_touch: "mantener_contacto",
    Column.notes: "notas",
}

# Other names that lists in the wild use for the same thing and for nothing else.
ALSO = {
    "correo": Column.email,
    "correo electrónico": Column.email,
    "mail": Column.email,
    "coste de captación": Column.acquisition_cost,
    "cuota mensual": Column.monthly_value,
    "fecha de inicio": Column.started_on,
    "fecha de aviso": Column.notice_on,
    "fecha de fin": Column.end_on,
    "motivo": Column.reasons,
    "reason": Column.reasons,
}


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return `text` without case, accents, spaces and signs, as headers and labels are compared."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if letter.isalnum())


NAMES: dict[str, Column] = {
    **{plain(column): column for column in Column},
    **{plain(name): column for column, name in SPANISH.items()},
    **{plain(name): column for name, column in ALSO.items()},
}


def column_called(header: str) -> Column | None:
    """Return the column that `header` names, or None when there is no such column."""
    return NAMES.get(plain(header))


def count_known(cells: Iterable[object]) -> int:
    """Return how many of `cells` name a column: how much they look like a header."""
    return sum(isinstance(cell, str) and column_called(cell) is not None for cell in cells)


def shown(column: Column) -> str:
    """Return both names of a column, as a message shows them: ``client / cliente``."""
    spanish = SPANISH[column]
    return column.value if spanish == column else f"{column} / {spanish}"


def resembling(header: str) -> list[Column]:
    """Return the columns whose names look most like `header`, best first, at most two."""
    close = get_close_matches(plain(header), NAMES, n=4, cutoff=0.6)
    return list(dict.fromkeys(NAMES[name] for name in close))[:2]
