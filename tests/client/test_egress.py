"""The rule of `egress="public"`: which addresses are none of a client's business."""

import pytest

from arya_api_framework.client.egress import check_egress
from arya_api_framework.errors import EgressRefused


@pytest.mark.parametrize(
    "address",
    """
    127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
    100.64.0.1 192.0.0.1 198.18.0.1 192.0.2.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
    :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1
    ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1::
    2001:0:4136:e378:8000:63bf:80ff:fffe
    ::127.0.0.1 ::a9fe:a9fe ::ffff:0:127.0.0.1 64:ff9b:1::7f00:1 64:ff9b:1:a9fe:a9:fe00:: fec0::1
    192.0.0.8 192.0.0.170 3fff::1 5f00::1 100::1 4000::1 ::ffff:100.64.0.1 2002:a9fe:a9fe::1
    """.split(),
)
def test_what_is_not_public_is_refused(address: str) -> None:
    """Private, local, metadata, multicast and reserved addresses, and what stands for them."""
    with pytest.raises(EgressRefused, match=r"'api\.test'") as caught:
        check_egress(address, "api.test")
    assert caught.value.sent == "no"


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_what_is_public_is_not(address: str) -> None:
    """Addresses that anybody may connect to, also as IPv6 writes them."""
    check_egress(address, "api.test")
