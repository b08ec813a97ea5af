"""The confined process: the file on standard input, its table on standard output."""

import sys

from service.spreadsheets.files import write_table

if __name__ == "__main__":
    write_table(sys.stdin.buffer.read(), sys.stdout.buffer, frozenset(sys.argv[1:]))
