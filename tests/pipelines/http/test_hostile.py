"""Servers that mean harm, or are broken. One bad row costs one row: a reason, bounded time, nothing left behind.

Names resolve through a table of the test's own and the only server listens on 127.0.0.1, so no packet leaves the
loopback interface even if the guard fails: then the request would arrive at this server, and the test would see it.
"""

import asyncio
import datetime
import gzip
import ipaddress
import socket
import ssl
import tracemalloc
import zlib

import pytest

from million_ird.records import Rejection
from pipelines.http.client import Client, Fetched
from pipelines.http.settings import HttpSettings
from tests.pipelines.hostile_server import serve

QUICK = {
    "allow_private_networks": True,
    "robots": "ignore",
    "retries": 0,
    "idle_timeout_s": 0.5,
    "total_timeout_s": 1.5,
    "backoff_s": 0.01,
}


def fetch(spool, *urls, lookup=None, **settings):
    """Fetch URLs at the same time with one client; nothing may be left in the spool but what was fetched."""

    async def run():
        async with Client(HttpSettings(**QUICK | settings), spool=spool, lookup=lookup) as client:
            return await asyncio.gather(*(client.fetch(url) for url in urls))

    results = asyncio.run(run())
    for result in results:
        if isinstance(result, Fetched):
            result.body.discard()
    assert list(spool.iterdir()) == []
    return results


def reasons(results):
    return [result.reason if isinstance(result, Rejection) else "" for result in results]


# Bodies.


def test_a_drip_costs_one_row_and_not_the_others(tmp_path):
    def answer(request):
        if request.path == "/drip":
            request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                request.wfile.write(b"x")
                request.sleep(0.1)
        request.reply(b"fine")

    with serve(answer) as server:
        results = fetch(tmp_path, server.url + "/drip", server.url + "/a", server.url + "/b")
    assert reasons(results) == ["too_slow", "", ""]


def test_silence_before_and_within_a_body(tmp_path):
    def answer(request):
        if request.path == "/body":
            request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
        request.sleep(20)

    with serve(answer) as server:
        results = fetch(tmp_path, server.url + "/head", server.url + "/body")
    assert reasons(results) == ["idle_timeout", "idle_timeout"]


@pytest.mark.parametrize("head", [b"Connection: close\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_an_endless_body_ends_at_the_cap_in_little_memory(tmp_path, head):
    block = bytes(65536)
    chunk = block if b"close" in head else b"10000\r\n" + block + b"\r\n"

    def answer(request):
        request.raw(b"HTTP/1.1 200 OK\r\n" + head)
        while True:
            request.wfile.write(chunk)

    tracemalloc.start()
    try:
        with serve(answer) as server:
            (result,) = fetch(tmp_path, server.url, max_nbytes=30_000_000, total_timeout_s=60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (result.reason, result.measured) == ("too_large", 30_000_000)
    assert peak < 15_000_000


def test_a_body_announced_too_large_is_not_read(tmp_path):
    def answer(request):
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        request.sleep(20)

    with serve(answer) as server:
        (result,) = fetch(tmp_path, server.url)
    assert (result.reason, result.measured) == ("too_large", 99999999999)


def test_a_body_shorter_than_announced_is_no_image_and_is_tried_again(tmp_path):
    def answer(request):
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    def chunked(request):
        request.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this")

    for handler in (answer, chunked):
        with serve(handler) as server:
            (result,) = fetch(tmp_path, server.url, retries=2)
        assert result.reason == "short_body"
        assert len(server.record.paths) == 3


def test_a_body_longer_than_announced_is_what_was_announced(tmp_path):
    def answer(request):
        request.raw(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
        )

    async def run(url):
        async with Client(HttpSettings(**QUICK), spool=tmp_path) as client:
            return [(await client.fetch(url)).body.read() for _ in range(3)]

    with serve(answer) as server:
        assert asyncio.run(run(server.url)) == [b"body"] * 3


def test_an_empty_body(tmp_path):
    def answer(request):
        if request.path == "/length":
            request.reply(b"")
        else:
            request.raw(b"HTTP/1.1 200 OK\r\n\r\n")

    with serve(answer) as server:
        assert reasons(fetch(tmp_path, server.url + "/length", server.url + "/close")) == ["empty_body", "empty_body"]


def test_html_named_jpg_arrives_for_the_decoder_to_judge(tmp_path):
    with serve(lambda request: request.reply(b"<html>", Content_Type="image/jpeg")) as server:
        (result,) = fetch(tmp_path, server.url + "/a.jpg")
    assert isinstance(result, Fetched)
    assert result.content_type == "image/jpeg"


# Compression that nobody asked for.


def encoded(body, encoding):
    return lambda request: request.reply(body, Content_Encoding=encoding)


@pytest.mark.parametrize(
    ("pack", "encoding"),
    [
        (gzip.compress, "gzip"),
        (gzip.compress, "X-GZIP"),
        (zlib.compress, "deflate"),
        (lambda data: zlib.compress(data)[2:-4], "deflate"),
        (lambda data: data, "identity"),
    ],
)
def test_a_packed_body_is_unpacked(tmp_path, pack, encoding):
    content = b"".join(number.to_bytes(4, "big") for number in range(200_000))

    async def run(url):
        async with Client(HttpSettings(**QUICK), spool=tmp_path) as client:
            return (await client.fetch(url)).body.read()

    with serve(encoded(pack(content), encoding)) as server:
        assert asyncio.run(run(server.url)) == content


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_ends_at_the_cap_in_little_memory(tmp_path, pack):
    bomb = pack(bytes(200_000_000))
    tracemalloc.start()
    try:
        with serve(encoded(bomb, "gzip")) as server:
            (result,) = fetch(tmp_path, server.url, max_nbytes=20_000_000, total_timeout_s=30)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.reason == "too_large"
    assert peak < 15_000_000


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b"x", "br", "unsupported_encoding"),
        (b"x", "gzip, gzip", "unsupported_encoding"),
        (b"this is not gzip", "gzip", "bad_encoding"),
        (gzip.compress(b"x" * 9999, mtime=0)[:-10], "gzip", "short_body"),
        (gzip.compress(b"a", mtime=0) + b"more", "gzip", "bad_encoding"),
        (gzip.compress(b"", mtime=0), "gzip", "empty_body"),
    ],
)
def test_packed_bodies_that_cannot_be_read(tmp_path, body, encoding, reason):
    with serve(encoded(body, encoding)) as server:
        assert reasons(fetch(tmp_path, server.url)) == [reason]


# Redirects and addresses.


def test_redirects_that_lead_nowhere(tmp_path):
    targets = {"/loop": "/pool", "/pool": "/loop", "/self": "/self", "/none": "", "/broken": "http://[broken/"}

    def answer(request):
        if request.path in targets:
            request.redirect(targets[request.path])
        else:
            request.redirect(request.path + "x")

    with serve(answer) as server:
        urls = [server.url + path for path in ("/loop", "/self", "/none", "/broken", "/more")]
        results = fetch(tmp_path, *urls, max_redirects=5)
    assert reasons(results) == ["redirect_loop", "redirect_loop", "bad_redirect", "bad_redirect", "too_many_redirects"]
    assert sum(path.startswith("/more") for path in server.record.paths) == 6


PUBLIC = "93.184.216.34"


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """The guard in earnest: one server on 127.0.0.1; connections to the address PUBLIC are led to it by the test."""
    genuine = asyncio.SelectorEventLoop.sock_connect
    tried = []

    async def connect(loop, connection, address):
        tried.append(address[0])
        if address[0] == PUBLIC:
            return await genuine(loop, connection, ("127.0.0.1", *address[1:]))
        raise ConnectionRefusedError(f"the test lets nothing go to {address[0]}")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    return tried


def names(**table):
    async def lookup(host):
        answer = table[host.replace(".", "_").replace("-", "_")]
        return [answer] if isinstance(answer, str) else next(answer)

    return lookup


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.1/", "forbidden_address"),
        ("http://169.254.169.254/latest/meta-data/", "forbidden_address"),
        ("http://2852039166/latest/meta-data/", "forbidden_address"),
        ("http://0xa9.0xfe.0xa9.0xfe/", "forbidden_address"),
        ("http://0/", "forbidden_address"),
        ("http://localhost:6379/", "forbidden_address"),
        ("//127.1/", "forbidden_address"),
        ("http://[::1]/", "forbidden_address"),
        ("http://[::ffff:10.0.0.1]/", "forbidden_address"),
        ("http://inner.example/", "forbidden_address"),
        ("file:///etc/passwd", "forbidden_scheme"),
        ("ftp://93.184.216.34/a", "forbidden_scheme"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "forbidden_scheme"),
        ("http://admin:admin@public.example/", "invalid_url"),
    ],
)
def test_a_redirect_cannot_lead_inside(tmp_path, inside, target, reason):
    with serve(lambda request: request.redirect(target)) as server:
        port = server.host.partition(":")[2]
        lookup = names(public_example=PUBLIC, inner_example="10.1.2.3")
        (result,) = fetch(tmp_path, f"http://public.example:{port}/a.jpg", lookup=lookup, allow_private_networks=False)
    assert result.reason == reason
    assert server.record.paths == ["/a.jpg"]
    assert inside == [PUBLIC]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:127.0.0.1"]
)
def test_a_name_that_resolves_to_the_inside(tmp_path, inside, address):
    (result,) = fetch(
        tmp_path, "http://evil.example/", lookup=names(evil_example=address), allow_private_networks=False
    )
    assert result.reason == "forbidden_address"
    assert inside == []


def test_a_name_that_changes_its_mind_between_the_look_and_the_connection(tmp_path, inside):
    """DNS rebinding: the second answer would be private. With no cache at all, each connection is judged anew."""
    with serve(lambda request: request.reply(b"x", Connection="close")) as server:
        url = f"http://rebind.example:{server.host.partition(':')[2]}/"
        answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])

        async def run():
            settings = HttpSettings(**QUICK | {"allow_private_networks": False, "dns_ttl_s": 0})
            async with Client(settings, spool=tmp_path, lookup=names(rebind_example=answers)) as client:
                return [await client.fetch(url + str(number)) for number in range(2)]

        first, second = asyncio.run(run())
    assert isinstance(first, Fetched)
    assert second.reason == "forbidden_address"
    assert inside == [PUBLIC]  # and that is the address that was judged: nothing resolved the name again


def test_the_socket_itself_refuses_if_the_resolver_let_something_slip(tmp_path, inside, monkeypatch):
    monkeypatch.setattr("pipelines.http.guard.Guard.check_host", lambda self, host: None)
    (result,) = fetch(tmp_path, "http://127.0.0.1:9/", allow_private_networks=False)
    assert result.reason == "forbidden_address"
    assert inside == []


def test_robots_txt_cannot_be_redirected_inside_either(tmp_path, inside):
    with serve(lambda request: request.redirect("http://10.0.0.1/robots.txt")) as server:
        url = f"http://public.example:{server.host.partition(':')[2]}/a.jpg"
        (result,) = fetch(
            tmp_path, url, lookup=names(public_example=PUBLIC), allow_private_networks=False, robots="honour"
        )
    assert result.reason == "forbidden_address"
    assert server.record.paths == ["/robots.txt"]
    assert inside == [PUBLIC]


def test_names_that_do_not_resolve(tmp_path):
    async def lookup(host):
        raise socket.gaierror(socket.EAI_NONAME if host == "gone.example" else socket.EAI_AGAIN, "no")

    results = fetch(tmp_path, "http://gone.example/", "http://later.example/", lookup=lookup)
    assert reasons(results) == ["dns_not_found", "dns_failed"]


# The protocol.


def test_resets_and_hang_ups(tmp_path):
    def answer(request):
        if request.path == "/hang-up":
            request.raw(b"")
        elif request.path == "/within":
            request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx")
            request.reset()
        else:
            request.reset()

    with serve(answer) as server:
        results = fetch(tmp_path, *(server.url + path for path in ("/reset", "/hang-up", "/within")), retries=1)
    assert reasons(results)[:2] == ["connection_lost", "connection_lost"]
    assert reasons(results)[2] in ("connection_lost", "short_body")  # what the library saw first
    assert server.record.count("/within") == 2
    assert server.record.count("/reset") <= 4  # a connection lost before any answer aiohttp itself tries once more


def test_a_port_where_nobody_listens(tmp_path):
    with serve(tmp_path) as server:
        gone = server.url
    assert reasons(fetch(tmp_path, gone)) == ["connect_failed"]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200_000)) + b"\r\nx",
        b"\0" * 100_000,
    ],
    ids=["ssh", "status", "length", "negative", "two-lengths", "huge-header", "header-flood", "zeros"],
)
def test_what_is_no_http(tmp_path, answer):
    with serve(lambda request: request.raw(answer)) as server:
        (result,) = fetch(tmp_path, server.url)
    assert result.reason in ("bad_http", "connection_lost")


def test_a_head_that_never_ends(tmp_path):
    def answer(request):
        request.raw(b"HTTP/1.1 200 OK\r\n")
        while True:
            request.wfile.write(b"X-Header: again\r\n")
            request.sleep(0.002)

    def interim(request):
        while True:
            request.raw(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            request.sleep(0.002)

    for handler in (answer, interim):
        with serve(handler) as server:
            assert reasons(fetch(tmp_path, server.url))[0] in ("bad_http", "too_slow")


@pytest.mark.parametrize("status", [204, 206, 304, 201, 226, 300])
def test_statuses_that_promise_no_whole_image(tmp_path, status):
    body = b"" if status in (204, 304) else b"part"
    with serve(lambda request: request.reply(body, status=status)) as server:
        (result,) = fetch(tmp_path, server.url)
    assert (result.reason, result.measured) == ("http_unexpected", status)


@pytest.mark.parametrize(
    "path",
    [
        "/" + "a" * 3000 + ".jpg",
        "/with space",
        '/it\'s "quoted"',
        "/日本/ä.jpg",
        "/a%20b",
        "/?q=a b&c=<d>",
        "/%",
        "/a|b^c`{}",
    ],
)
def test_strange_paths_arrive(tmp_path, path):
    with serve(lambda request: request.reply(b"x")) as server:
        assert reasons(fetch(tmp_path, server.url + path)) == [""]
    assert server.record.paths[0].isascii()
    assert " " not in server.record.paths[0]


# Certificates.


def certificate(folder, *, days=1):
    """A self-signed certificate for 127.0.0.1, made for this test."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, folder / "cert.pem"


def test_certificates_are_verified(tmp_path, monkeypatch):
    spool = tmp_path / "spool"
    spool.mkdir()
    own, own_file = certificate(tmp_path / "own")
    expired, expired_file = certificate(tmp_path / "expired", days=-1)
    with serve(lambda request: request.reply(b"x"), tls=own) as server:
        assert reasons(fetch(spool, server.url)) == ["tls_error"]
        assert server.record.paths == []
        monkeypatch.setenv("SSL_CERT_FILE", str(own_file))
        assert reasons(fetch(spool, server.url)) == [""]
        assert reasons(fetch(spool, server.url.replace("127.0.0.1", "localhost"))) == ["tls_error"]  # another name
    monkeypatch.setenv("SSL_CERT_FILE", str(expired_file))
    with serve(lambda request: request.reply(b"x"), tls=expired) as server:
        assert reasons(fetch(spool, server.url)) == ["tls_error"]


def test_https_where_http_is_spoken(tmp_path):
    with serve(lambda request: request.reply(b"x")) as server:
        (result,) = fetch(tmp_path, server.url.replace("http:", "https:"))
    assert result.reason in ("tls_error", "connection_lost")
