"""Where URLs may lead: a tenant or a server must not make the process ask what only the process reaches."""

import pytest

from controllers.net.destinations import (
    DestinationRefused,
    Destinations,
    parse_networks,
    service_networks,
)

SERVICES = parse_networks(["10.96.0.0/12", "fd00:10:96::/108"])
POLICY = Destinations(denied=SERVICES)


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        pytest.param("127.0.0.1", "this machine itself", id="loopback"),
        pytest.param("127.9.9.9", "this machine itself", id="all-of-loopback"),
        pytest.param("::1", "this machine itself", id="loopback-6"),
        pytest.param("::ffff:127.0.0.1", "this machine itself", id="mapped"),
        pytest.param("64:ff9b::7f00:1", "this machine itself", id="nat64"),
        pytest.param("2002:7f00:1::", "this machine itself", id="6to4"),
        pytest.param("169.254.169.254", "link-local", id="link-local"),
        pytest.param("fe80::1%eth0", "link-local", id="link-local-6"),
        pytest.param("::ffff:a9fe:a9fe", "link-local", id="mapped-link-local"),
        pytest.param("fd00:ec2::254", "the metadata service of a cloud", id="metadata-6"),
        pytest.param("100.100.100.200", "the metadata service of a cloud", id="metadata-alibaba"),
        pytest.param("0.0.0.0", "no host", id="unspecified"),  # noqa: S104 - nothing is bound
        pytest.param("::", "no host", id="unspecified-6"),
        pytest.param("224.0.0.1", "no host", id="multicast"),
        pytest.param("10.96.0.1", "in a network that is not for", id="services"),
        pytest.param("fd00:10:96::1", "in a network that is not for", id="services-6"),
    ],
)
def test_a_name_that_is_resolved_to_the_inside_is_refused(address: str, fault: str) -> None:
    with pytest.raises(DestinationRefused) as caught:
        POLICY.check("innocent.example", address)
    assert str(caught.value).startswith("innocent.example at ")
    assert fault in str(caught.value)
    assert "--allowed-networks" in str(caught.value)


@pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.5", "192.168.1.1", "2001:db8::1", "fd12::1"])
def test_other_addresses_are_allowed(address: str) -> None:
    POLICY.check("registry.example", address)


@pytest.mark.parametrize(
    ("home", "host", "address", "allowed"),
    [
        pytest.param("127.0.0.1:5000", "127.0.0.1", "127.0.0.1", True, id="local-image"),
        pytest.param("localhost:5000", "127.0.0.1", "127.0.0.1", True, id="all-of-this-machine"),
        pytest.param("[::1]:5000", "localhost", "::1", True, id="local-6"),
        pytest.param("127.0.0.1:5000", "kubernetes.default.svc", "10.96.0.1", False, id="from-here-to-the-cluster"),
        pytest.param("rebinding.example", "rebinding.example", "127.0.0.1", False, id="a-name-that-leads-here"),
        pytest.param("registry.team.svc:5000", "registry.team.svc", "10.97.1.2", True, id="image-in-the-cluster"),
        pytest.param("registry.team.svc:5000", "secrets.other.svc", "10.97.1.3", False, id="another-service"),
        pytest.param("registry.team.svc:5000", "localhost", "127.0.0.1", False, id="from-the-cluster-to-here"),
        pytest.param("10.97.1.2:5000", "10.97.1.2", "10.97.1.2", True, id="service-by-address"),
        pytest.param("registry.team.svc.", "registry.team.svc", "10.97.1.2", True, id="dot-at-the-end"),
        pytest.param("169.254.169.254", "169.254.169.254", "169.254.169.254", False, id="link-local-image"),
        pytest.param("registry.example", "registry.example", "10.97.1.2", False, id="name-from-outside"),
        pytest.param("notlocalhost", "notlocalhost", "127.0.0.1", False, id="only-looks-local"),
    ],
)
def test_what_the_spec_names_plainly_is_meant(home: str, host: str, address: str, allowed: bool) -> None:
    policy = POLICY.starting_from(home)
    if allowed:
        policy.check(host, address)
    else:
        with pytest.raises(DestinationRefused):
            policy.check(host, address)


@pytest.mark.parametrize(
    ("host", "address", "hint"),
    [
        ("gitea.gitea", "10.96.7.7", ", or name the Service in full in the spec: gitea.gitea.svc"),
        ("git.team.example", "10.96.7.7", ""),
        ("gitea.gitea", "127.0.0.1", ""),
    ],
)
def test_a_short_name_of_a_service_is_told_the_whole_one(host: str, address: str, hint: str) -> None:
    with pytest.raises(DestinationRefused) as caught:
        POLICY.starting_from(host).check(host, address)
    assert str(caught.value).endswith(f"allow it with --allowed-networks{hint}")


def test_the_operator_can_allow_anything() -> None:
    for networks in (["169.254.0.0/16"], ["all"], ["169.254.169.254"]):
        Destinations(denied=SERVICES, allowed=parse_networks(networks)).check("metadata", "169.254.169.254")
    with pytest.raises(DestinationRefused):
        Destinations(allowed=parse_networks(["127.0.0.0/8"])).check("metadata", "169.254.169.254")


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("169.254.169.254", True),
        ("[::1]", True),
        ("127.0.0.1%x", True),
        ("LOCALHOST", True),
        ("kubernetes.default.svc", True),
        ("kubernetes.default.svc.cluster.local.", True),
        ("registry.example", False),
        ("10.0.0.1", False),
    ],
)
def test_names_that_a_proxy_resolves_are_judged_as_written(host: str, refused: bool) -> None:
    if refused:
        with pytest.raises(DestinationRefused):
            POLICY.check_name(host)
    else:
        POLICY.check_name(host)


@pytest.mark.parametrize(
    ("allowed", "addresses", "refused"),
    [
        pytest.param("192.0.2.0/24", ["10.96.0.50"], True, id="other-networks"),
        pytest.param("10.96.0.50", ["10.96.0.50"], False, id="this-service"),
        pytest.param("10.96.0.50", ["10.96.0.51"], True, id="another-service"),
        pytest.param("10.96.0.50", ["10.96.0.50", "fd00:10:96::50"], True, id="one-of-its-addresses"),
        pytest.param("10.96.0.50", [], True, id="no-address-known"),
        pytest.param("all", ["10.96.0.51", "fd00:10:96::50"], False, id="all"),
    ],
)
def test_a_service_behind_a_proxy_is_refused_unless_the_operator_allows_it(
    allowed: str, addresses: list[str], *, refused: bool
) -> None:
    policy = Destinations(denied=SERVICES, allowed=parse_networks([allowed]))
    assert policy.must_resolve("token.infra.svc")
    if refused:
        with pytest.raises(DestinationRefused, match="because it is in the cluster"):
            policy.check_name("token.infra.svc", addresses)
    else:
        policy.check_name("token.infra.svc", addresses)


@pytest.mark.parametrize("host", ["registry.example", "10.96.0.50", "token.infra.svc", "localhost"])
def test_names_are_resolved_for_a_proxy_only_where_it_matters(host: str) -> None:
    assert not POLICY.must_resolve(host)
    allowing = Destinations(denied=SERVICES, allowed=parse_networks(["10.96.0.50"]))
    assert allowing.must_resolve(host) == (host == "token.infra.svc")
    assert not allowing.starting_from("token.infra.svc").must_resolve(host)


@pytest.mark.parametrize(
    ("first", "network"),
    [
        pytest.param("10.96.0.1", "10.96.0.0/12", id="kubeadm"),
        pytest.param("10.43.0.1", "10.43.0.0/16", id="k3s"),
        pytest.param("172.20.0.1", "172.20.0.0/16", id="eks"),
        pytest.param("34.118.224.1", "34.118.224.0/20", id="gke"),
        pytest.param("10.1.2.1", "10.1.2.0/24", id="small"),
        pytest.param("10.1.2.7", "10.1.2.7/32", id="not-the-first"),
        pytest.param("0.0.0.0", "0.0.0.0/32", id="nonsense"),  # noqa: S104 - nothing is bound
        pytest.param("fd00:10:96::1", "fd00:10:96::/108", id="ipv6"),
    ],
)
def test_the_service_network_is_known_in_a_pod(first: str, network: str) -> None:
    assert list(map(str, service_networks({"KUBERNETES_SERVICE_HOST": first}))) == [network]


def test_outside_a_cluster_there_is_no_service_network() -> None:
    assert service_networks({}) == service_networks({"KUBERNETES_SERVICE_HOST": "api.example"}) == ()


def test_networks_are_parsed() -> None:
    assert len(parse_networks(["10.0.0.0/8", "::1", "all"])) == 4
    with pytest.raises(ValueError, match="want networks like"):
        parse_networks(["10.0.0.1/8"])
