"""IAM's decision on a bucket, by a template's own policies; what is not known here is refused."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.stack.synthesis import of_type

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Principal:
    """Who asks, and what its own policies allow it; `arn` is None for a service."""

    arn: str | None
    allowed: frozenset[tuple[str, str]] = frozenset({("*", "*")})


def role_arn(logical_id: str) -> str:
    """The ARN that a role of the template has, here."""
    return f"arn:aws:iam::{ACCOUNT}:role/{logical_id}"


def may(template: Mapping[str, Any], who: Principal, action: str, bucket: str, key: str = "") -> bool:
    """Whether it is allowed to do that to the bucket of that logical id, or to an object in it, by TLS."""
    arn = f"arn:aws:s3:::{bucket}" + f"/{key}" * bool(key)
    if any(_denies(statement, who, action, arn) for statement in _on_bucket(template, bucket)):
        return False
    return any(_matches(one, action) and _matches(where, arn) for one, where in who.allowed)


def function_of(template: Mapping[str, Any], use_case: str) -> Principal:
    """The role of a use case's function, with what its own policy allows."""
    [(name, role)] = [
        (name, role["Properties"])
        for name, role in of_type(template, "AWS::IAM::Role").items()
        if name.startswith(f"Consumer{use_case}")
    ]
    statements = [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    allowed = {
        (action, _resolved(resource))
        for statement in statements
        for action in _each(statement["Action"])
        for resource in _each(statement["Resource"])
    }
    return Principal(role_arn(name), frozenset(allowed))


def _on_bucket(template: Mapping[str, Any], bucket: str) -> Iterator[Mapping[str, Any]]:
    for policy in of_type(template, "AWS::S3::BucketPolicy").values():
        if policy["Properties"]["Bucket"] == {"Ref": bucket}:
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


def _denies(statement: Mapping[str, Any], who: Principal, action: str, arn: str) -> bool:
    if statement["Effect"] != "Deny":
        return False
    assert statement["Principal"] == {"AWS": "*"}, "of a single principal: teach it"
    return (
        any(_matches(one, action) for one in _each(statement["Action"]))
        and any(_matches(_resolved(where), arn) for where in _each(statement["Resource"]))
        and all(_holds(kind, tests, who) for kind, tests in statement["Condition"].items())
    )


def _holds(kind: str, tests: Mapping[str, Any], who: Principal) -> bool:
    if tests in ({"aws:SecureTransport": "false"}, {"s3:TlsVersion": 1.2}):
        return False  # it comes by TLS 1.3
    assert kind == "ArnNotLike", f"{kind}: teach it"
    assert list(tests) == ["aws:PrincipalArn"]
    # A negated operator holds where the key is absent.
    return who.arn is None or not any(
        _is_like(one, who.arn) for one in map(_resolved, tests["aws:PrincipalArn"])
    )


def _is_like(pattern: str, arn: str) -> bool:
    """ArnLike: each of the six parts by itself, so that a wildcard stays in its part."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(_matches, patterns, parts))


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def _resolved(arn: Any) -> str:
    """An ARN in the template as the ARN that it becomes: a role's, or else a bucket's."""
    if isinstance(arn, str):
        return arn
    [(function, argument)] = arn.items()
    if function == "Fn::Join":
        return "".join(map(_resolved, argument[1]))
    if function == "Ref":
        return f"arn:aws:s3:::{argument}"
    logical_id, attribute = argument
    assert attribute == "Arn"
    return role_arn(logical_id) if "Role" in logical_id else f"arn:aws:s3:::{logical_id}"


def _each(one_or_more: Any) -> list[Any]:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]
