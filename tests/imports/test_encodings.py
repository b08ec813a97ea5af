"""The bytes of a list become text, or a sentence that says what to save it as."""

import codecs

import pytest

from tests.imports.lists import HEADER, WHO, reading_of, the_problem, the_row

LIST = f"{HEADER}\n{WHO}\n"


@pytest.mark.parametrize(
    "data",
    [
        LIST.encode(),
        codecs.BOM_UTF8 + LIST.encode(),
        LIST.encode("cp1252"),
        LIST.encode("utf-16"),
        codecs.BOM_UTF16_BE + LIST.encode("utf-16-be"),
        LIST.encode("utf-16-le"),
        LIST.encode("utf-16-be"),
        LIST.replace("\n", "\r\n").encode(),
        LIST.replace("\n", "\r").encode("cp1252"),
    ],
    ids=["utf-8", "mark", "cp1252", "utf-16", "be", "bare le", "bare be", "crlf", "cr"],
)
def test_every_encoding_that_spreadsheets_write_is_read(data):
    row = the_row(reading_of(data))

    assert (row.line, row.client, row.contact) == (2, "Café Río", "Noa Ríos")


def test_a_euro_sign_of_windows_is_no_control_character():
    row = the_row(reading_of(f"{HEADER};notas\n{WHO};paga 90 €\n".encode("cp1252")))

    assert row.notes == "paga 90 €"


def test_two_encodings_in_one_file_are_refused_with_both_lines():
    lines = [HEADER.encode(), WHO.encode(), WHO.replace("noa", "ana").encode("cp1252")]

    problem = the_problem(reading_of(b"\n".join(lines)))

    assert problem.line == 3
    assert "line 2 is UTF-8 and this one is Windows-1252" in problem.reason


def test_a_file_marked_as_utf_8_that_is_not_is_refused_with_its_line():
    problem = the_problem(reading_of(codecs.BOM_UTF8 + LIST.encode("cp1252")))

    assert (problem.line, "says that it is UTF-8" in problem.reason) == (2, True)


def test_bytes_that_no_encoding_has_are_refused_with_their_line():
    problem = the_problem(reading_of(HEADER.encode() + b"\nCaf\x81;x;y@z.es\n"))

    assert (problem.line, "no readable text" in problem.reason) == (2, True)


def test_a_nul_is_refused_with_its_line():
    problem = the_problem(reading_of(f"{HEADER}\nCafé\0;Noa;noa@rios.example\n"))

    assert (problem.line, "NUL" in problem.reason) == (2, True)


def test_half_a_utf_16_file_is_refused():
    problem = the_problem(reading_of(LIST.encode("utf-16")[:-1]))

    assert "UTF-16" in problem.reason


def test_two_spellings_of_one_letter_are_one_letter():
    composed, apart = "Peña", "Pen\u0303a"
    rows = reading_of(f"{HEADER}\n{composed};A;a@b.es\n{apart};B;b@b.es\n").rows

    assert rows[0].client == rows[1].client == composed
