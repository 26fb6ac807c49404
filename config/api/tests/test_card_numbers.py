"""Finding and refusing card numbers."""

import logging
import time
import uuid
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from config.api import card_numbers
from config.api.tests.test_problems import assert_problem
from config.kernel import ids

VISA = "4242424242424242"
PUBLISHED = [
    VISA,
    "4000056655665556",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "6555900000604105",
    "3566002020360505",
    "6200000000000005",
    "6205500000000000004",
]


@pytest.mark.parametrize("number", PUBLISHED)
def test_published_test_numbers_are_found(number: str) -> None:
    """Every scheme, at every length."""
    assert card_numbers.find(f"card: {number}.") == [(6, 6 + len(number))]


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242 - 4242 - 4242 - 4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "４２４２４２４２４２４２４２４２",
        "card4242424242424242",
        "order 12 4242 4242 4242 4242 exp 12 30",
        "x_4242424242424242_y",
        "4242.4242.4242.4242.",
        "4242/4242/4242/4242",
        "card_4242_4242_4242_4242_y",
        "6205.5000.0000.0000.004",
        "3782.822463.10005",
        "3622_720627_1667",
        "4242\u200b4242\u200b4242\u200b4242",
        "\u2060".join("4242424242424242"),
        "4242\u00ad4242-\ufeff4242 4242",
    ],
)
def test_other_spellings_are_found(text: str) -> None:
    """Blanks, dashes, dots, slashes, underscores, what cannot be seen, other digits, neighbours."""
    assert card_numbers.holds(text)
    assert not card_numbers.holds(card_numbers.mask_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",
        "1234567890123452",
        "2026-11-20T22:56:16.123456+00:00",
        "2026-11-20 22:56:16",
        "20261120225616",
        "1763679376123",
        "+49 151 23456789",
        "424242424242",
        "00000000000000000000004242424242424242",
        "tok_visa",
        "99999999999999999999",
        "4.242.424.242.424.242",
        "424.242.424.242.424.2",
        "42.42.42.42.42.42.42.42",
        "192.168.142.42/24 10.42.42.42",
        "2026/11/20 22.56.16.123456",
        "4242.4242.4242.4242.4242",
        "1.4242.4242.4242.4242",
        "4242_4242_4242_4241",
    ],
)
def test_what_is_no_card_number_passes(text: str) -> None:
    """Wrong check digit, no issuer, timestamps, phone numbers, amounts, addresses, versions, other lengths."""
    assert card_numbers.find(text) == []


@given(value=st.uuids(), prefix=st.sampled_from(["inv", "pay", "rct", "key", "req", "cus"]))
def test_identifiers_pass(value: uuid.UUID, prefix: str) -> None:
    """Ours, and the UUIDs people use as keys."""
    assert not card_numbers.holds(ids.encode(prefix, value))
    assert not card_numbers.holds(str(value))


def test_identifiers_made_of_a_card_number_pass() -> None:
    """The unlucky ones, made on purpose."""
    assert not card_numbers.holds("inv_0" + VISA + "abcdefgh0")
    assert not card_numbers.holds("abcdef01-4242-4242-4242-424242424242")
    assert not card_numbers.holds("ab" + VISA + "cd" * 12)


@st.composite
def card_numbers_of_issuers(draw: st.DrawFn) -> str:
    """A number that any issuer may give out: prefix, length, check digit."""
    first, last, lengths = draw(st.sampled_from(card_numbers._ISSUERS))
    prefix = str(draw(st.integers(first, last)))
    missing = draw(st.sampled_from(lengths)) - len(prefix) - 1
    body = prefix + draw(st.text("0123456789", min_size=missing, max_size=missing))
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(digit // 10 + digit % 10 for digit in doubled) % 10)


SURROUNDINGS = [
    ("", ""),
    ("card: ", "."),
    ("card", ""),
    ("Visa", ""),
    ("cc", ""),
    ("", "EUR"),
    ("", "cad"),
    ("card", "exp"),
    ("x_", "_y"),
    ("%B", "^DOE/JOHN^2512101"),
    ("B", "^DOE/JOHN^2512101"),
    (";", "=25121010000000"),
    ("", "D25121010000000000F"),
    ("支付", "请付款"),
    ("номер", "действует"),
    ("key ", " 3f2a9c"),
    ("a1b2c3d4e5f60718 ", " a1b2c3d4e5f60718"),
    ('{"pan":"', '"}'),
    ("<pan>", "</pan>"),
    ("pan=", "&cvc=123"),
    ("card%3D", ""),
    ("%0A", "%0D"),
    ("x=%5B", "%5D"),
    ("\n", "\n"),
]


@given(number=card_numbers_of_issuers(), place=st.sampled_from(SURROUNDINGS))
def test_a_number_of_any_issuer_is_found_wherever_it_stands(number: str, place: tuple[str, str]) -> None:
    """Between words, in markup, on a magnetic stripe, with a word before or after it, among identifiers."""
    before, after = place
    assert card_numbers.holds(f"{before}{number}{after}")


@given(
    number=card_numbers_of_issuers(),
    place=st.sampled_from([place for place in SURROUNDINGS if "D25" not in place[1]]),
    mark=st.sampled_from([" ", "-", "\u00a0", "\u2011", " - "]),
)
def test_a_number_in_groups_is_found_wherever_it_stands(number: str, place: tuple[str, str], mark: str) -> None:
    """The same in groups of four, as people write it."""
    before, after = place
    grouped = mark.join(number[start : start + 4] for start in range(0, len(number), 4))
    assert card_numbers.holds(f"{before}{grouped}{after}")


@given(
    number=card_numbers_of_issuers(),
    around=st.sampled_from(["a{}f", "0a{}", "{}b7", "ab{}c", "1e{}", "e{}e"]),
    is_upper=st.booleans(),
)
def test_a_key_in_hexadecimal_is_no_card_number(number: str, around: str, is_upper: bool) -> None:
    """Not even one made of a card number: letters stand on both sides of digits, or digits on both sides of letters."""
    key = around.format(number)
    key = f"{key:0<20}"
    key = key.upper() if is_upper else key
    for text in (key, f"key_{key}", f"/orders/{key}?x=1", f'{{"id": "{key}"}}'):
        assert card_numbers.find(text) == []


@given(number=card_numbers_of_issuers(), around=st.sampled_from(["3f2a9c{}b", "{}ab1c9d", "f0{}0a7c", "a{}b{}c"]))
def test_a_digest_among_letters_is_no_card_number(number: str, around: str) -> None:
    """As in "sess" with 32 hexadecimal digits after it."""
    digest = around.replace("{}", number, 1).replace("{}", "7")
    digest = f"{digest:e<20}"
    for text in (f"sess{digest}", f"sess{digest}key", f"SESS{digest.upper()}KEY", f"req{digest}"):
        assert card_numbers.find(text) == []


@pytest.mark.parametrize("text", [f"a{VISA}a", f"{VISA}e12", f"{VISA}c12", f"https://a.example/pay?x=card%3A{VISA}"])
def test_a_few_letters_of_hexadecimal_hide_no_card_number(text: str) -> None:
    """What a program wrote around a number is shorter than a key."""
    assert VISA not in card_numbers.mask_text(text)


def test_masking_keeps_the_last_four() -> None:
    """In values, keys and numbers, at any depth; everything else stays as it was."""
    value = {"a": [f"card {VISA}", 5, None, True, 1.5], VISA: {"n": int(VISA)}, "spaced": "4242 4242 4242 4242"}
    assert card_numbers.mask(value) == {
        "a": ["card ************4242", 5, None, True, 1.5],
        "************4242": {"n": "************4242"},
        "spaced": "**** **** **** 4242",
    }


def test_two_numbers_in_one_text_are_both_masked() -> None:
    """Each by itself."""
    assert card_numbers.mask_text(f"{VISA} and 5555555555554444") == "************4242 and ************4444"


@given(text=st.text(alphabet="0123456789- 4", max_size=60))
def test_masked_text_holds_no_card_number(text: str) -> None:
    """Whatever the digits are, and the length never changes."""
    masked = card_numbers.mask_text(text)
    assert not card_numbers.holds(masked)
    assert len(masked) == len(text)


@pytest.mark.parametrize(
    "unit", ["4", "4 ", "6 ", "3 6 ", "6 0 0 0 ", "4242424242424241 ", "1" * 25 + "-", "+4 " + "x"]
)
def test_a_megabyte_made_to_be_slow_is_read_in_bounded_time(unit: str) -> None:
    """Each place is looked at a bounded number of times: twice the text takes about twice as long, not four times."""

    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        started = time.process_time()
        assert not card_numbers.holds(text)
        return time.process_time() - started

    seconds(10_000)
    assert seconds(1_000_000) < 10 * (seconds(250_000) + 0.05)


REFUSED: list[tuple[str, Any]] = [
    ("description", {"description": f"paid with {VISA}"}),
    ("metadata.card", {"metadata": {"card": "4242 4242 4242 4242"}}),
    ("lines.0.description", {"lines": [{"description": VISA}]}),
    ("number", {"number": int(VISA)}),
    ("number", {"number": float(VISA)}),
    ("metadata.************4242", {"metadata": {VISA: "x"}}),
]


@pytest.mark.urls("config.api.tests.urls")
@pytest.mark.parametrize(("field", "body"), REFUSED)
def test_a_body_with_a_card_number_is_refused(
    api: Client, caplog: pytest.LogCaptureFixture, field: str, body: dict[str, Any]
) -> None:
    """422 that names the field; the digits are neither echoed nor logged."""
    with caplog.at_level(logging.DEBUG):
        response = api.post("/api/v1/echo", body, "application/json")
    document = assert_problem(response, 422, "card_number")
    assert [(e["field"], e["code"]) for e in document["errors"]] == [(field, "card_number")]
    assert_untold(response, caplog)


def assert_untold(response: Any, caplog: pytest.LogCaptureFixture) -> None:
    told = "".join(
        [response.content.decode(), str(response.headers), caplog.text, *(str(vars(r)) for r in caplog.records)]
    )
    assert VISA not in told
    assert "4242 4242" not in told
    assert "4242%204242" not in told


@pytest.mark.urls("config.api.tests.urls")
@pytest.mark.parametrize(
    ("field", "path", "key"),
    [
        ("path", f"/api/v1/{VISA}", ""),
        ("path", f"/api/v1/raise/{VISA}", ""),
        ("path", "/api/v1/4242%204242%204242%204242", ""),
        ("query", f"/api/v1/echo?number={VISA}", ""),
        ("query", "/api/v1/echo?number=4242+4242+4242+4242", ""),
        ("query", "/api/v1/echo?%34242%34242%34242424242=1", ""),
        ("Idempotency-Key", "/api/v1/echo", VISA),
    ],
)
def test_a_card_number_outside_the_body_is_refused(
    api: Client, caplog: pytest.LogCaptureFixture, field: str, path: str, key: str
) -> None:
    """In the path, the query or the key: refused before anything could log it."""
    with caplog.at_level(logging.DEBUG):
        response = api.get(path, headers={"idempotency-key": key} if key else {})
    document = assert_problem(response, 422, "card_number")
    assert [e["field"] for e in document["errors"]] == [field]
    assert_untold(response, caplog)


@pytest.mark.urls("config.api.tests.urls")
def test_a_card_number_as_request_id_is_replaced(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The request is served, under a fresh id."""
    with caplog.at_level(logging.DEBUG):
        response = api.get("/api/v1/raise/bug", headers={"x-request-id": VISA})
    assert response["X-Request-ID"].startswith("req_")
    assert_untold(response, caplog)
