"""The types of text in `cdk.json`, each with a description of what is allowed."""

import re
from datetime import date
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """Rejects unknown fields and text in place of a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def wrong(text: str) -> PydanticCustomError:
    """An error with our own text, which says what is allowed."""
    return PydanticCustomError("wrong", "{text}", {"text": text})


def matching(pattern: str, allowed: str) -> AfterValidator:
    """A check that a text matches the whole pattern, described by `allowed`."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text, re.ASCII) is None:
            raise wrong(f"allowed: {allowed}")
        return text

    return AfterValidator(check)


def _arn(service: str, resource: str, example: str) -> AfterValidator:
    """A check for an ARN of this service, with region and account."""
    pattern = rf"arn:aws[a-z-]*:{service}:[a-z0-9-]+:\d{{12}}:{resource}"
    return matching(pattern, f"an ARN such as arn:aws:{service}:eu-west-1:123456789012:{example}")


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise wrong("allowed: a day of the calendar, such as 2000-01-01") from None


def _deliverable(address: str) -> str:
    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise wrong(f"allowed: an e-mail address such as ops@example.com. {error}") from None


def _each_once(texts: list[str]) -> list[str]:
    for text in texts:
        if texts.count(text) > 1:
            raise wrong(f"has {text} twice; allowed: each once")
    return texts


each_once = AfterValidator(_each_once)
Name = Annotated[
    str,
    matching(
        r"(?=.{1,64}\Z)[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*", "up to 64 letters, digits and single hyphens"
    ),
]
Day = Annotated[str, AfterValidator(_day)]
Email = Annotated[str, AfterValidator(_deliverable)]
Url = Annotated[
    str,
    matching(
        r"https://(?=.{1,2000}\Z)[A-Za-z0-9.-]+(:[0-9]+)?([/?][A-Za-z0-9._~%!'()*;/?:@&=+$,-]*)?",
        "an ASCII URL that starts with https:// and a host; user and password belong in the secret",
    ),
]
StreamArn = Annotated[str, _arn("kinesis", r"stream/[\w.-]{1,128}", "stream/telemetry")]
KeyArn = Annotated[str, _arn("kms", r"key/[\w-]+", "key/1234abcd-12ab-34cd-56ef-1234567890ab")]
TopicArn = Annotated[str, _arn("sns", r"[\w-]{1,256}", "on-call")]
QueueArn = Annotated[str, _arn("sqs", r"[\w-]{1,80}", "tickets")]
BusArn = Annotated[str, _arn("events", r"event-bus/[\w./-]{1,256}", "event-bus/central")]
ActionArn = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:(sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}"
        r"|lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}(:[\w-]{1,128})?"
        r"|ssm:[a-z0-9-]+:\d{12}:opsitem:[1-4](#CATEGORY=(Availability|Cost|Performance|Recovery|Security))?"
        r"|ssm-incidents::\d{12}:response-plan/[\w-]{1,200})",
        "the ARN of an SNS topic, a Lambda function (or its version or alias), an OpsItem such as "
        "arn:aws:ssm:eu-west-1:123456789012:opsitem:2#CATEGORY=Availability, or a response plan such as "
        "arn:aws:ssm-incidents::123456789012:response-plan/plant",
    ),
]
"""What CloudWatch allows as an alarm's action, but for those on EC2 instances and scaling."""
RoleArn = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:iam::\d{12}:role/([\w+=,.@-]{1,512}/)*[\w+=,.@-]{1,64}\*?",
        "a role's ARN such as arn:aws:iam::123456789012:role/operators; `*` at its end only",
    ),
]
BucketName = Annotated[
    str,
    matching(
        r"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "a bucket's name: 3 to 63 small letters, digits, hyphens and dots; no ARN",
    ),
]
SecretArn = Annotated[str, _arn("secretsmanager", r"secret:[\w/+=.@-]+", "secret:slack-AbCdEf")]
Text = Annotated[
    str,
    Field(min_length=1, max_length=512),
    matching(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*", "one line, without control characters"),
]
