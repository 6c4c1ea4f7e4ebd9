"""No way of writing an address of a network of ours, or of none, passes for a receiver on the internet."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.webhooks.addresses import RefusedUrl, may_be_called, place_of, refuse_url

# Both ends of every range, and what is known to pass where only `is_private` or `is_global` is asked.
REFUSED_TEXT = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.9
192.0.0.10 192.0.0.170 192.0.0.192 192.0.0.255 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.0
192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.254 255.255.255.255
:: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::10.0.0.1
64:ff9b::169.254.169.254 64:ff9b:1::1 64:ff9b:1::8.8.8.8 100::1 100:0:0:1::1 1fff:ffff::1 2001::1 2001:0:a00:1::1
2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002::1 2002:7f00:1::1 2002:808:808::1
2620:4f:8000::1 3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 8000::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%1
febf::1 fec0::1 feff::1 ff02::1 ffff::1
"""

ALLOWED_TEXT = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.17
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.1 192.0.3.1 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 198.51.101.1 203.0.114.1 223.255.255.255
2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 3ffe::1 3fff:1000::1
64:ff9b::8.8.8.8
"""

REFUSED, ALLOWED = REFUSED_TEXT.split(), ALLOWED_TEXT.split()

# Of 127.0.0.1 or another address of ours, as URLs have been seen to hide it.
HIDDEN = [
    *("http://127.0.0.1/", "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/"),
    *("https://0x7f000001/", "https://0x7f.0.0.1/", "https://0x7f.1/", "https://017700000001/", "https://0177.0.0.1/"),
    *("https://0177.0x0.0.1/", "https://127.0.0.1./", "https://127.0.0.01/", "https://0/", "https://0.0.0.0/"),
    *("https://00000.0.0.1/", "https://4294967295/", "https://4294967296/", "https://127.0.0.256/", "https://0x/"),
    *("https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/"),
    *(
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
    ),
    *("https://[2002:7f00:1::]/", "https://[::1", "https://[::1]x/", "https://x[::1]/", "https://[127.0.0.1]/"),
    *("https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://redis/"),
    *("https://db.internal/", "https://printer.local/", "https://router.lan/", "https://1.0.0.127.in-addr.arpa/"),
    *(
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://\u24dbocalhost/",
        "https://exämple.com/",
        "https://%31%32%37.0.0.1/",
    ),
    *(
        "https://169.254.169.254/latest/meta-data",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://[fd00:ec2::254]/",
    ),
    *(
        "https://10.0.0.1",
        "https://192.168.0.1:8443/",
        "https://100.64.0.1/",
        "https://192.0.0.8/",
        "https://[fec0::1]/",
    ),
]

MISFORMED = [
    *("", "https", "https:", "https://", "https:///x", "//example.com/", "example.com", "/x", "https:example.com"),
    *("ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "http://example.com/"),
    *("https://user@example.com/", "https://user:pass@example.com/", "https://example.com@127.0.0.1/", "https://@example.com/"),
    *("https://example.com:80/", "https://example.com:22/", "https://example.com:5432/", "https://example.com:0/"),
    *("https://example.com:65536/", "https://example.com:99999/", "https://example.com:x/", "https://example.com:443:443/"),
    *("https://example.com:+443/", "https://example.com:\uff14\uff14\uff13/", "https://example.com:-1/"),
    *("https://exam ple.com/", "https://example.com/a b", "https://example.com/\r\nHost: x", "https://example.com/\n", "\thttps://example.com/"),
    *("https://example.com\\@127.0.0.1/", "https://example.com/#x", "https://example.com.", "https://-a.com/", "https://a-.com/"),
    *("https://a..com/", "https://.com/", f"https://{'a' * 64}.com/", f"https://{'a.' * 127}com/", f"https://example.com/{'a' * 2000}"),
    "https://example.com/\x00",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_a_special_address_is_not_called(address: str) -> None:
    assert not may_be_called(address, 443, allow_loopback=False)


@pytest.mark.parametrize("address", ALLOWED)
def test_its_neighbours_are(address: str) -> None:
    assert may_be_called(address, 443, allow_loopback=False)
    assert not may_be_called(address, 22, allow_loopback=False)


@given(st.ip_addresses(v=4))
def test_no_address_that_is_private_by_any_account_is_called(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or not address.is_global:
        assert not may_be_called(str(address), 443, allow_loopback=False)


@given(st.ip_addresses(v=6))
def test_nor_one_of_version_six(address: IPv6Address) -> None:
    if address.is_private or address.is_multicast or address.is_site_local or not address.is_global:
        assert not may_be_called(str(address), 443, allow_loopback=False)


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_reached_inside_of_another(address: IPv4Address) -> None:
    number = int(address)
    inside = {number, 0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x20010000 << 96 | number ^ 0xFFFFFFFF}
    for one in inside:
        assert not may_be_called(str(IPv6Address(one)), 443, allow_loopback=False)
    translated = str(IPv6Address((0x64FF9B << 96) | number))
    assert may_be_called(translated, 443, allow_loopback=False) == may_be_called(
        str(address), 443, allow_loopback=False
    )


@pytest.mark.parametrize("url", HIDDEN)
def test_a_url_that_hides_an_address_of_ours_is_refused(url: str) -> None:
    with pytest.raises(RefusedUrl):
        refuse_url(url, allow_loopback=False)


@pytest.mark.parametrize("url", MISFORMED)
def test_a_url_of_another_form_is_refused_also_in_development(url: str) -> None:
    for allow_loopback in (False, True):
        with pytest.raises(RefusedUrl):
            refuse_url(url, allow_loopback=allow_loopback)


@given(st.ip_addresses())
def test_a_literal_is_judged_as_the_address_that_it_is(address: IPv4Address | IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    if may_be_called(str(address), 443, allow_loopback=False):
        assert place_of(f"https://{host}/", allow_loopback=False).host == str(address)
    else:
        with pytest.raises(RefusedUrl):
            refuse_url(f"https://{host}/", allow_loopback=False)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://example.com", ("https", "example.com", 443, "example.com", "/")),
        ("HTTPS://Example.COM:443/a?b=c", ("https", "example.com", 443, "example.com", "/a?b=c")),
        ("https://hooks.example.com:8443?x=%20", ("https", "hooks.example.com", 8443, "hooks.example.com:8443", "/?x=%20")),
        ("https://xn--exmple-cua.com/a:b@c", ("https", "xn--exmple-cua.com", 443, "xn--exmple-cua.com", "/a:b@c")),
        ("https://1.1.1.1/", ("https", "1.1.1.1", 443, "1.1.1.1", "/")),
        ("https://[2606:4700::1111]:8443/", ("https", "2606:4700::1111", 8443, "[2606:4700::1111]:8443", "/")),
        ("https://a_b.example.co/", ("https", "a_b.example.co", 443, "a_b.example.co", "/")),
    ],
)  # fmt: skip
def test_a_url_of_the_internet_says_where_to_connect(url: str, parts: tuple[str, str, int, str, str]) -> None:
    place = place_of(url, allow_loopback=False)
    assert (place.scheme, place.host, place.port, place.authority, place.target) == parts


@given(st.text() | st.from_regex(r"https?://[\[\]0-9a-fx.:%@/#?]{1,30}", fullmatch=True))
def test_no_text_breaks_it_and_no_literal_slips_through(url: str) -> None:
    try:
        host = place_of(url, allow_loopback=False).host
    except RefusedUrl:
        return
    try:
        address = ip_address(host)
    except ValueError:
        assert "." in host
        return
    assert may_be_called(str(address), 443, allow_loopback=False)


class TestInDevelopment:
    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9000/x", "http://localhost/", "https://127.9.9.9:1/", "http://[::1]:8080/"]
    )
    def test_this_machine_may_be_called_on_any_port_and_without_tls(self, url: str) -> None:
        refuse_url(url, allow_loopback=True)
        with pytest.raises(RefusedUrl):
            refuse_url(url, allow_loopback=False)

    @pytest.mark.parametrize(
        "url",
        [
            *("http://10.0.0.1/", "https://10.0.0.1/", "http://example.com/", "https://example.com:9000/"),
            *(
                "https://127.1/",
                "http://127.0.0.1:0/",
                "http://127.0.0.1:65536/",
                "http://0.0.0.0/",
                "https://[::ffff:127.0.0.1]/",
                "https://a.localhost/",
                "http://[::]/",
            ),
        ],
    )
    def test_nothing_else_is_called_that_would_not_be(self, url: str) -> None:
        with pytest.raises(RefusedUrl):
            refuse_url(url, allow_loopback=True)

    @pytest.mark.parametrize("address", [one for one in REFUSED if one != "::1" and not one.startswith("127.")])
    def test_every_other_special_address_stays_out_of_reach(self, address: str) -> None:
        assert not may_be_called(address, 443, allow_loopback=True)
