"""`image_reference`: what `spec.image` and a marker's image name, against go-containerregistry."""

from controllers.golang.quote import quote
from controllers.image.reference import BadReference, Image, allows_http, parse_image, parse_reference
from hack.conformance.runner import Case


def check(case: Case) -> str | None:
    answer = marker if case["in"]["kind"] == "marker" else repository
    try:
        ours: object = answer(case["in"])
        recorded = case.get("out")
    except BadReference as error:
        ours, recorded = str(error), case.get("error")
    return None if ours == recorded else f"{case['in']}: {ours!r}, recorded {recorded or case.get('error')!r}"


def repository(question: dict[str, object]) -> dict[str, object]:
    image = parse_image(str(question["image"]))
    return {
        "canonical": image.name,
        "identifier": "latest",
        "registry": image.registry,
        "repository": image.repository,
        "scheme": scheme(image, bool(question["insecure"])),
    }


def marker(question: dict[str, str]) -> dict[str, object]:
    name, tag, digest = question["name"], question["tag"], question["digest"]
    text = f"{name}:{tag}@{digest}" if digest else f"{name}:{tag}"
    try:
        reference = parse_reference(text)
    except BadReference as error:
        raise BadReference(f"encountered invalid image ref {quote(text)}: {error}") from None
    return {
        "full_name": reference.full_name,
        "identifier": reference.identifier,
        "image": text,
        "registry": reference.image.registry,
        "repository": reference.image.repository,
        "scheme": scheme(reference.image, insecure=False),
        "setters": {"": text, "name": name, "tag": tag, "digest": digest},
    }


def scheme(image: Image, insecure: bool) -> str:
    return "http" if allows_http(image, insecure) else "https"
