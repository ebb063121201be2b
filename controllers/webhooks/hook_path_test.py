from controllers.webhooks.hook_path import find_path, hook_path


def test_path_is_that_of_flux() -> None:
    # printf %s tokengithub-receiverflux-system | sha256sum
    expected = "/hook/8ed710969b945c0dc10d6d0b5084e120ec2228353d1fe42d56be5ba88500e684"
    assert hook_path("token", "github-receiver", "flux-system") == expected


def test_path_is_found_and_no_other() -> None:
    paths = [hook_path(b"t", name, "apps") for name in ("a", "b")]
    assert find_path(paths[1], paths) == paths[1]
    assert find_path(paths[1] + "/", paths) is None
    assert find_path("/hook/\ud800", paths) is None
    assert find_path("", []) is None
