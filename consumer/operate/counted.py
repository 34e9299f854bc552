"""Numbers of things in words."""


def counted(count: int, thing: str) -> str:
    """So many of a thing.

    >>> counted(1, "line"), counted(2000, "batch")
    ('1 line', '2,000 batches')
    """
    if count == 1:
        return f"1 {thing}"
    return f"{count:,} {thing}{'es' if thing.endswith(('s', 'ch')) else 's'}"
