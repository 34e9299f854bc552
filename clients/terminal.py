"""What is printed: names, reasons and evidence are text, whatever characters somebody put into them.

A terminal would obey some: move its cursor, write from right to left, end the line. So all commands print
with `echo`, or with the `Console` of `clients.console`.
"""

import typer


def printable(text: str) -> str:
    r"""The text with all but printable characters and spaces escaped, as JSON would: for a part of a line.

    That is control and format characters (such as those that change the direction of text, or have no width),
    separators of lines, and halves of surrogate pairs.

    >>> printable("line1\x1b[2K"), printable("\u202e木"), printable("\U000e0041")
    ('line1\\u001b[2K', '\\u202e木', '\\udb40\\udc41')
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def printable_lines(text: str) -> str:
    """The same, with its line breaks kept."""
    return "\n".join(map(printable, text.split("\n")))


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text that may have several lines, to stdout or stderr."""
    typer.echo(printable_lines(text), err=err, nl=nl)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
