"""What strangers type and send: scripts, odd letters, odd numbers, odd bytes."""

# Each calls `ran()`, plants an <img src=x> or an <svg onload>, or ends what it stands in.
SCRIPTS = (
    "<script>ran()</script>",
    '"><img src=x onerror=ran()>',
    "'><svg onload=ran()>",
    "javascript:ran()",
    "{{ 7*7 }}</textarea><script>ran()</script>",
    "</title><script>ran()</script>",
    "&lt;script&gt;ran()&lt;/script&gt;",
    "]]><script>ran()</script>",
    "--><script>ran()</script>",
    "</style><script>ran()</script>",
    "`${ran()}`",
    "[aquí](javascript:ran())",
    "![x](x' onerror='ran())",
    "<a href=javascript:ran() autofocus onfocus=ran()>",
)
NAMES = (
    "Núria Ångström 王小明",
    "👩‍👩‍👧 ñ@´`'\"",
    "مرحبا \u202efdp.exe\u202c \u2066עברית\u2069",
    "zero\u200bwidth\u200d\ufeff",
    "a\u0300\u0301\u0302\u0303" * 40,
    "ﷺ" * 300,
    "O'Brien; DROP TABLE clients;--",
    "%s %(name)s {0} {{ x }} ${x}",
    "\ue000survey_url\ue001",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "Ana\r\nBcc: todos@evil.example\r\n\r\nhola",
    "Ana\u2028Bcc: x\x85y\x0b\x1b[31m",
    "null\0byte",
    "x" * 10_000,
    " ",
)
NUMBERS = (
    *("0", "-1", "1e400", "NaN", "Infinity", "٣", "９", "0x10", "1_000", "1.5", "1,5", "+7", "--1"),
    *("99999999999999999999", "-9223372036854775809", "9223372036854775807", "2147483648"),
    "9" * 5_000,
)
DATES = (
    *("0001-01-01", "9999-12-31", "10000-01-01", "2026-02-29", "29/02/2023", "2026-13-01"),
    *("31/12/0000", "2026-11-29T25:61", "9999-12-31T23:59", "24:00", "-0001-01-01", "99:99"),
)
BYTES = (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"%", b"\0")
FILES = (
    *(b"", b"a;b\n" * 50, b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg onload=ran() />"),
    b"\xff\xd8\xff\xe0" + b"\0" * 90,
)
HEADERS = (
    *("Accept", "Accept-Language", "Range", "If-None-Match", "If-Modified-Since", "Referer"),
    *("Origin", "User-Agent", "Cookie", "Authorization", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("Content-Encoding", "Sec-Purpose", "Idempotency-Key"),
)
