"""Names of components: tagline's, and Flux's that stand for them."""

import pytest

from cli.grammar.session import Failed
from cli.installing.components import OWN, RECEIVER, choose

REPOSITORY, POLICY, UPDATE = OWN


@pytest.mark.parametrize(
    ("components", "extra", "own", "of_flux"),
    [
        pytest.param((), (), OWN, (), id="all-by-default"),
        pytest.param((), ("image-reflector-controller", "image-automation-controller"), OWN, (), id="fluxs-names"),
        pytest.param((), ("image-reflector-controller",), (REPOSITORY, POLICY), (), id="one-stands-for-two"),
        pytest.param((UPDATE,), ("image-reflector-controller",), OWN, (), id="both-flags"),
        pytest.param((POLICY,), (), (POLICY,), (), id="our-own-name"),
        pytest.param((), ("source-watcher",), OWN, ("source-watcher",), id="fluxs-own-is-left-to-flux"),
        pytest.param((), ("receiver",), (*OWN, RECEIVER), (), id="the-receiver-is-beside-all"),
        pytest.param((POLICY,), (RECEIVER,), (POLICY, RECEIVER), (), id="the-receiver-is-beside-some"),
        pytest.param(("receiver",), (), (RECEIVER,), (), id="the-receiver-alone"),
        pytest.param(
            ("source-controller",),
            ("receiver",),
            (*OWN, RECEIVER),
            ("source-controller",),
            id="the-receiver-beside-fluxs",
        ),
        pytest.param(
            ("source-controller", "kustomize-controller"),
            ("image-automation-controller",),
            (UPDATE,),
            ("source-controller", "kustomize-controller"),
            id="as-people-of-flux-write-it",
        ),
    ],
)
def test_names_say_what_is_installed(
    components: tuple[str, ...], extra: tuple[str, ...], own: tuple[str, ...], of_flux: tuple[str, ...]
) -> None:
    chosen = choose(components, extra)
    assert (chosen.own, chosen.of_flux) == (own, of_flux)


def test_only_components_of_flux_are_nothing_to_install() -> None:
    with pytest.raises(Failed, match=r"only components of Flux \(source-controller\)"):
        choose(("source-controller",), ())


@pytest.mark.parametrize(
    "flags", [(("notification-controller", "receiver"), ()), ((), ("receiver", "notification-controller"))]
)
def test_two_that_serve_receivers_are_refused(flags: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    with pytest.raises(Failed, match="serve the same kind, Receiver: leave out one of them"):
        choose(*flags)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("nonsense", ""), ("image-reflector-controler", '; did you mean "image-reflector-controller"?')],
)
def test_an_unknown_component_is_refused_with_what_was_meant(name: str, hint: str) -> None:
    with pytest.raises(Failed) as refused:
        choose((), (name,))
    assert str(refused.value) == f"component {name} is not available{hint}"
