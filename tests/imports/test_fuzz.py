"""Whatever a file holds, it is read or refused with a sentence; nothing breaks."""

from unicodedata import normalize

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imports.lists import HEADER, reading_of, workbook

BOUNDED = settings(max_examples=100, deadline=None)
COLUMNS = f"{HEADER};idioma;fin;aviso;motivos;responsable;cuota;margen;mantener_contacto;notas"
BOOK = workbook([HEADER.split(";"), ["Café Río", "Noa", "noa@rios.example"]])
CELLS = st.text(st.characters(exclude_characters=';"\r\n\0', codec="utf-8"), max_size=20)

NAMES = st.text(st.characters(categories=["L", "N", "S"]), min_size=1, max_size=20)


def is_told(reading) -> bool:
    """Say whether a reading has rows, or a sentence for each reason why not."""
    sentences = [problem.reason for problem in reading.problems]
    return bool(reading.rows or sentences) and all(sentences)


@BOUNDED
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data):
    assert is_told(reading_of(data))


@BOUNDED
@given(st.text(max_size=300))
def test_any_text_below_a_header_is_read_or_refused(text):
    assert is_told(reading_of(f"{COLUMNS}\n{text}".encode("utf-8", "surrogatepass")))


@BOUNDED
@given(st.lists(st.lists(CELLS, min_size=1, max_size=12), max_size=5))
def test_any_cells_are_read_or_refused(rows):
    text = "\n".join(";".join(cells) for cells in rows)

    assert is_told(reading_of(f"{COLUMNS}\n{text}"))


@BOUNDED
@given(st.integers(0, len(BOOK) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_workbook_is_read_or_refused(place, bytes_):
    assert is_told(reading_of(BOOK[:place] + bytes_ + BOOK[place + len(bytes_) :]))


@BOUNDED
@given(st.integers(0, len(BOOK)))
def test_half_a_workbook_is_refused(length):
    reading = reading_of(BOOK[:length])

    assert is_told(reading)
    assert length == len(BOOK) or not reading.rows


@BOUNDED
@given(st.lists(NAMES, min_size=1, max_size=9), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_a_name_comes_out_as_it_went_in(names, encoding):
    rows = "\n".join(f'"{name}";Ana;a{number}@b.es' for number, name in enumerate(names))

    reading = reading_of(f"{HEADER}\n{rows}\n".encode(encoding))

    assert [row.client for row in reading.rows] == [normalize("NFC", name) for name in names]
