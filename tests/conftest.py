"""What tests measured, at the end of pytest's output: a line for each `record_property("summary", line)`."""

from hypothesis import settings

settings.register_profile("on any machine", deadline=None)
settings.load_profile("on any machine")


def pytest_terminal_summary(terminalreporter):
    lines = [
        text
        for report in terminalreporter.stats.get("passed", [])
        for name, text in report.user_properties
        if name == "summary"
    ]
    if lines:
        terminalreporter.section("measured on this machine")
        for line in lines:
            terminalreporter.write_line(line)


# It turns modules of the consumer into instrumented ones as it is imported.
collect_ignore = ["fuzz/fuzzer.py"]
