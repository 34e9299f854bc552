"""The models of other code that lie beside those of this checkout: of another River, or another use case."""

from consumer.aws.s3 import Objects
from consumer.errors import ConfigurationError
from consumer.pages.layout import layout_key, read_layout, recorded_in
from ops.formatting import shown
from ops.state.page_versions import ObjectVersions
from ops.target import Target


async def _others(target: Target, objects: Objects) -> list[str]:
    """The prefixes of models that other code has learned, or learns."""
    found = list[str]()
    folder, _, own = target.prefix().rpartition("/")
    for name in await objects.folders(f"{folder}/"):
        layout = await read_layout(objects, f"{folder}/{name}") if name != own else None
        if layout is not None and not layout[0].upgrade_from:
            found.append(f"{folder}/{name}")
    return found


async def check_in_use(target: Target, objects: Objects) -> None:
    """Check that no other code's models were written after those of this checkout: it may be deployed by now.

    Raises: `ConfigurationError`, also if the function says that it is; `Unavailable`.
    """
    target.check_same_code()
    own_s = await objects.last_written_s(f"{target.prefix()}/") or 0.0
    for prefix in await _others(target, objects):
        written_s = await objects.last_written_s(f"{prefix}/") or 0.0
        if written_s > own_s:
            raise ConfigurationError(
                f"{target.name} has learned in models of another code, {prefix}, at {shown(written_s)} UTC, "
                "after those of use_cases.py here. Check out what is deployed; if that is this code again, "
                "wait until it has learned something"
            )


async def may_have_started_anew(target: Target, objects: Objects, retained_since_s: float | None) -> bool:
    """Whether other models may have learned what is still on the stream, and no upgrade built these from it.

    `retained_since_s`: what arrived before is not on the stream any more. Raises: `Unavailable`.
    """
    if not await _others(target, objects):
        return False
    versions, key = ObjectVersions(target.client("s3"), target.model_bucket), layout_key(target.prefix())
    kept = versions.of(key)
    if kept and retained_since_s is not None and kept[-1].written_s < retained_since_s:
        return False
    return not any(recorded_in(key, versions.body(version)).upgrade_from for version in kept)
