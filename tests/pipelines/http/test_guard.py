"""The guard alone, without a client: which hosts and addresses pass."""

import asyncio
import socket
from ipaddress import ip_address

import pytest

from pipelines.http.guard import AddressError, Guard, GuardedResolver, is_public, literal_address
from pipelines.http.reasons import FetchError, Reason
from pipelines.http.settings import HttpSettings

PRIVATE = [
    "127.0.0.1",
    "127.255.0.9",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
SPELLINGS_OF_LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0x7F.0.0.0x1",
    "[::1]",
    "::1",
    "[::ffff:7f00:1]",
    "localhost",
    "LOCALHOST.",
    "any.localhost",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_on_the_public_internet(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", SPELLINGS_OF_LOOPBACK)
def test_every_spelling_of_this_machine_is_refused(host):
    with pytest.raises(FetchError) as caught:
        Guard(HttpSettings()).check_host(host)
    assert caught.value.reason is Reason.FORBIDDEN_ADDRESS


@pytest.mark.parametrize("host", ["example.org", "8.8.8.8", "1e100.net", "0x.org", "dead.beef", "a.1"])
def test_names_and_public_literals_pass_the_first_look(host):
    Guard(HttpSettings()).check_host(host)


def test_private_networks_can_be_allowed():
    guard = Guard(HttpSettings(allow_private_networks=True))
    guard.check_host("127.0.0.1")
    guard.check_host("localhost")
    guard.check_address("10.0.0.1")


def test_a_name_of_hexadecimal_letters_is_no_address():
    assert literal_address("abba") is None
    assert literal_address("face.b00c") is None


def test_the_last_line_refuses_a_socket_for_a_private_address():
    guard = Guard(HttpSettings())
    with pytest.raises(AddressError):
        guard.open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    guard.open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))).close()


def test_a_proxy_may_stand_in_a_private_network_but_rows_may_not_point_there():
    guard = Guard(HttpSettings(proxy="http://10.0.0.1:3128"))
    guard.check_address("10.0.0.1")
    with pytest.raises(FetchError):
        guard.check_host("169.254.169.254")


class Names:
    """A name server under the test's control."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    async def __call__(self, host):
        self.asked.append(host)
        await asyncio.sleep(0)
        answer = self.answers[host]
        if isinstance(answer, Exception):
            raise answer
        return answer


def resolve(names, *hosts, together=False, **settings):
    """Resolve hosts one after the other (or together) with one resolver; errors come as values."""

    async def run():
        chosen = HttpSettings(**settings)
        resolver = GuardedResolver(chosen, Guard(chosen), names)
        try:
            if together:
                return await asyncio.gather(*(resolver.resolve(host, 80) for host in hosts), return_exceptions=True)
            return [(await asyncio.gather(resolver.resolve(host, 80), return_exceptions=True))[0] for host in hosts]
        finally:
            await resolver.close()

    return asyncio.run(run())


def test_one_private_address_condemns_the_name():
    (error,) = resolve(Names(mixed=["8.8.8.8", "10.0.0.1"]), "mixed")
    assert isinstance(error, AddressError)
    assert error.reason is Reason.FORBIDDEN_ADDRESS


def test_the_connection_gets_the_very_addresses_that_were_judged():
    (found,) = resolve(Names(good=["8.8.8.8", "2606:4700::1111"]), "good")
    assert [entry["host"] for entry in found] == ["8.8.8.8", "2606:4700::1111"]
    assert all(entry["flags"] & socket.AI_NUMERICHOST for entry in found)  # so that nobody resolves them once more


def test_an_answer_is_asked_for_once_and_remembered():
    names = Names(good=["8.8.8.8"])
    resolve(names, "good", "good", "good", together=True)
    assert names.asked == ["good"]
    names = Names(good=["8.8.8.8"])
    resolve(names, "good", "good")
    assert names.asked == ["good"]
    names = Names(good=["8.8.8.8"])
    resolve(names, "good", "good", dns_ttl_s=0)
    assert names.asked == ["good", "good"]


def test_a_missing_name_is_remembered_and_told_from_a_passing_failure():
    names = Names(
        gone=socket.gaierror(socket.EAI_NONAME, "unknown"), ill=socket.gaierror(socket.EAI_AGAIN, "later"), none=[]
    )
    gone, again, ill, none = resolve(names, "gone", "gone", "ill", "none")
    assert gone.reason is again.reason is none.reason is Reason.DNS_NOT_FOUND
    assert ill.reason is Reason.DNS_FAILED
    assert names.asked.count("gone") == 1


def test_a_name_server_that_never_answers_costs_the_connect_timeout():
    async def never(host):
        await asyncio.Event().wait()

    (error,) = resolve(never, "silent", connect_timeout_s=0.05)
    assert error.reason is Reason.DNS_FAILED
