"""`tag_scan`: exclusion, order and checksum of a scan, against image-reflector-controller."""

from controllers.taglist.scan import BadExclusionPattern, build_tag_set
from hack.conformance.runner import Case


def check(case: Case) -> str | None:
    try:
        scan = build_tag_set(case["in"]["tags"], case["in"]["exclusionList"])
    except BadExclusionPattern as error:
        return None if str(error) == case.get("error") else f"{error}, recorded {case.get('error')}"
    ours = {
        "latestTags": list(scan.latest),
        "revision": scan.revision,
        "stored": list(scan.tags),
        "tagCount": len(scan.tags),
    }
    return None if ours == case.get("out") else f"{ours}, recorded {case.get('out') or case.get('error')}"
