"""What HTTP promises each server gives by itself, and that all of them hold behind deploy/nginx.conf.

The direct half is a description, not a wish: where a server gets better, the test says so by failing.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress

import pytest

from drills.nginx import serving_behind_nginx
from drills.server import CUSTOMER
from drills.table import CannotRunError, in_ci
from service.settings import SERVERS

pytestmark = pytest.mark.xdist_group("http")  # each server is started once
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
AS_LAST = (b"close", b"TE, close", b"close, TE", b"keep-alive, close", b"TE\r\nConnection: close")


@pytest.fixture(scope="module", params=SERVERS)
def proxied(request, bundles, tmp_path_factory):
    """The service on each server, and nginx in front of it."""
    try:
        with serving_behind_nginx(
            tmp_path_factory.mktemp("http"), bundles, ARKI_SERVER=request.param
        ) as found:
            yield request.param, found
    except CannotRunError as missing:
        (pytest.fail if in_ci() else pytest.skip)(str(missing))


def talk(port, *pieces, half=False, answers=1, patience_s=60):
    """Send pieces on one connection; the statuses that come back, and whether the server then closed it."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as link:
        for piece in pieces:
            link.sendall(piece)
        if half:
            link.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError, ConnectionResetError):
            while more := link.recv(1 << 16):
                said += more
                if len(statuses(said)) >= answers:
                    link.settimeout(0.5)  # long enough to see it close
            return statuses(said), True
    return statuses(said), False


def statuses(said):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", said)]


def too_long(proxied, *, expect):
    head = proxied.request("/v1/recommendations", CUSTOMER).partition(b"\r\n\r\n")[0]
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: 99999999", head)
    return head + (b"\r\nExpect: 100-continue" if expect else b"") + b"\r\n\r\n"


def test_a_body_that_is_certainly_too_long_is_refused_before_it_is_sent(proxied):
    server, both = proxied
    for port in (both.front.port, both.back.port):
        assert talk(port, too_long(both, expect=False))[0] == [413]
    assert talk(both.front.port, too_long(both, expect=True))[0] == [413]
    direct = talk(both.back.port, too_long(both, expect=True), answers=2)[0]
    assert direct == ([100, 413] if server == "gunicorn" else [413])  # gunicorn asks for it first


def test_a_body_that_is_announced_is_asked_for_and_answered(proxied):
    _, both = proxied
    head, _, body = both.request("/v1/recommendations", CUSTOMER).partition(b"\r\n\r\n")
    for port in (both.front.port, both.back.port):
        assert talk(port, head + b"\r\nExpect: 100-continue\r\n\r\n", body, answers=2)[0] == [100, 200]


@pytest.mark.parametrize("requests", [1, 5, 20])
def test_a_client_that_has_no_more_to_say_gets_every_answer(proxied, requests):
    server, both = proxied
    sent = both.request("/v1/recommendations", CUSTOMER) * requests
    assert talk(both.front.port, sent, half=True, answers=requests) == ([200] * requests, True)
    direct, _ = talk(both.back.port, sent, half=True, answers=requests)
    lost = {"gunicorn": 0, "granian": 1}[server]  # granian drops the one that it is answering
    assert requests - lost <= len(direct) <= requests
    assert set(direct) <= {200}


def test_requests_sent_at_once_are_answered_in_turn(proxied):
    _, both = proxied
    good, bad = both.request("/v1/recommendations", CUSTOMER), both.request("/v1/recommendations", b"{")
    for port in (both.front.port, both.back.port):
        assert talk(port, good + bad + good, answers=3)[0] == [200, 400, 200]


@pytest.mark.parametrize("token", AS_LAST)
def test_a_connection_is_closed_by_whichever_token_asks_for_it(proxied, token):
    server, both = proxied
    sent = GET[:-2] + b"Connection: " + token + b"\r\n\r\n"
    assert talk(both.front.port, sent) == ([200], True)
    status, closed = talk(both.back.port, sent)
    assert status == [200]
    assert closed or (server == "gunicorn" and token != b"close")  # which reads no lists; the client closes


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        (b"nonsense\r\n\r\n", {400}),
        (b"GET / HTTP/9.9\r\n\r\n", {400, 505}),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", {400, 431}),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", {400}),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
            {400},
        ),
    ],
    ids=["words", "version", "space", "long-head", "two-lengths", "length-and-chunked"],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(proxied, sent, refused):
    server, both = proxied
    status, closed = talk(both.front.port, sent)
    assert (set(status) <= refused, closed) == (True, True)
    if server == "granian" and b"chunked" in sent:  # it goes by the chunks and waits for the next one
        assert talk(both.back.port, sent, patience_s=1) == ([], False)
        return
    status, closed = talk(both.back.port, sent)
    assert (set(status) <= refused, closed) == (True, True)


def test_a_request_in_single_bytes_and_one_in_chunks_are_answered(proxied):
    _, both = proxied
    one = both.request("/v1/recommendations", CUSTOMER)
    head, _, body = one.partition(b"\r\n\r\n")
    chunked = head.split(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    chunked += f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    for port in (both.front.port, both.back.port):
        assert talk(port, *[one[at : at + 1] for at in range(len(one))])[0] == [200]
        assert talk(port, chunked, one, answers=2)[0] == [200, 200]
