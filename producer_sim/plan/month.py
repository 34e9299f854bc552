"""How a month's quantities come about, in words that can be followed by hand."""

from collections.abc import Mapping

from producer_sim.plan.assumptions import Assumptions


def month_hows(assumptions: Assumptions) -> Mapping[str, str]:
    """Price's key -> the formula of its quantity, of the lines above it and the month's seconds."""
    a = assumptions.assumed
    seconds = f"{a.month_days * 86_400:,.0f} s"
    events = f"signals * events a day * use cases * {a.month_days:g}"
    invocations = f"invocations/s * use cases * {seconds}"
    return {
        "stream_hours": f"on-demand: {a.month_days:g} * 24",
        "stream_gb_in": f"on-demand: records/s * KB of a record, up, * {seconds} / 2^20",
        "stream_gb_out": "on-demand: GB in * use cases",
        "shard_hours": f"provisioned: shards * {a.month_days:g} * 24",
        "put_units": f"provisioned: records/s * bytes / 25 KB, up, * {seconds}",
        "iot_messages": f"iot, sitewise: records/s * bytes / 5 KB, up, * {seconds}",
        "iot_rules": f"iot, sitewise: records/s * {seconds}",
        "iot_actions": "as messages: each puts one record",
        "s3_puts": f"PUT/s * use cases * {seconds}",
        "s3_gets": f"GET/s * use cases * {seconds}",
        "s3_gb": "signals * bytes of a state * versions * use cases / 2^30",
        "invocations": invocations,
        "lambda_gb_s": "invocations * duration * memory_mb / 1,024",
        "snapstart_gb_s": f"memory_mb / 1,024 * use cases * {seconds}",
        "snapstart_gb": f"memory_mb / 1,024 * shards * {a.starts_per_day:g} * {a.month_days:g} * use cases",
        "events": events,
        "events_gb": f"events * {a.event_bytes:g} bytes / 2^30",
        "mails": "as events",
        "logs_gb": f"(invocations * {a.log_bytes:g} + events * {a.event_bytes:g} bytes) / 2^30",
        "metrics": f"({a.function_metrics} + {a.mapping_metrics}) * use cases",
        "alarms": f"{a.shared_alarms} + {a.use_case_alarms} * use cases",
        "dashboards": "1",
        "traces": f"(1 a second + {a.traced_share:.0%} of what is above) * use cases * {seconds}",
    }
