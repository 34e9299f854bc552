"""What `cdk.json` says of a company's rules; without any of it a plant is as it ever was."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field
from pydantic import model_validator as check

from stack.field_types import Strict, each_once, matching, wrong

AccountId = Annotated[str, matching(r"\d{12}", 'an account\'s 12 digits as text, such as "123456789012"')]
Region = Annotated[str, matching(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", "a region such as eu-west-1")]
PolicyArn = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]{1,512}",
        "a policy's ARN such as arn:aws:iam::123456789012:policy/boundary",
    ),
]
RulePack = Literal["nist-800-53-r5", "hipaa"]
"""A rule pack of cdk-nag besides AwsSolutions."""

ROLE_PREFIX_MAX = 24
_BUSES = ".bus_arns["
"""Rules of EventBridge send to buses anywhere; all else is used where the stack is."""
_TARGETS = (".topic_arns[", ".queue_arns[")
"""And to topics and queues of their own account, as CDK makes them."""


def _id(kind: str) -> Any:
    return matching(rf"{kind}-[0-9a-f]{{8,17}}", f"an id such as {kind}-0123456789abcdef0")


class VpcConfig(Strict):
    """The network that the functions are in; without it they are in none."""

    id: Annotated[str, _id("vpc")] | None = None
    """The VPC: the function's role may make network interfaces in no other."""
    subnet_ids: Annotated[list[Annotated[str, _id("subnet")]], Field(max_length=16), each_once] = []
    """Its subnets, at best in two availability zones or more."""
    security_group_ids: Annotated[list[Annotated[str, _id("sg")]], Field(max_length=5), each_once] = []
    """Its security groups: they need to let HTTPS out."""

    @check(mode="after")
    def _is_whole(self) -> Self:
        missing = [name for name in type(self).model_fields if not getattr(self, name)]
        if 0 < len(missing) < len(type(self).model_fields):
            raise wrong(f"has no {' and no '.join(missing)}; allowed: id, subnet_ids and security_group_ids")
        return self


class RolesConfig(Strict):
    """What every role of the stack has to have."""

    permissions_boundary: PolicyArn | None = None
    """A policy beyond whose permissions no role goes."""
    name_prefix: (
        Annotated[
            str,
            matching(
                rf"[\w+=,.@-]{{1,{ROLE_PREFIX_MAX}}}",
                f"up to {ROLE_PREFIX_MAX} letters, digits and + = , . @ _ -",
            ),
        ]
        | None
    ) = None
    """How the roles' names begin."""


def misplaced(plant: dict[str, Any], account: str | None, region: str | None) -> Iterator[str]:
    """What is wrong with each ARN in a plant's configuration that cannot be used where the stack is.

    >>> list(misplaced({"stream": {"arn": "arn:aws:kinesis:us-east-1:1:stream/s"}}, None, "eu-west-1"))
    ['has stream.arn of us-east-1 and region eu-west-1; allowed: an ARN of eu-west-1']
    """
    for path, arn in _arns(plant):
        _, _, _, of_region, of_account, *_ = arn.split(":")
        if region is not None and of_region not in ("", region) and _BUSES not in path:
            yield f"has {path} of {of_region} and region {region}; allowed: an ARN of {region}"
        is_target = path.startswith("alerts[") and any(kind in path for kind in _TARGETS)
        if account is not None and is_target and of_account != account:
            yield (
                f"has {path} of account {of_account} and account {account}; allowed: one of {account}, or "
                "bus_arns with a bus of that account, whose rules go on from there"
            )


def _arns(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each ARN with its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _arns(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _arns(inner, f"{path}[{index}]")
    elif isinstance(value, str) and re.match(r"arn:[\w-]+:[\w-]+:[\w-]*:[\w-]*:", value):
        yield path, value
