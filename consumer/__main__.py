"""`python -m consumer`: another name of `python -m ops`, the operators' command line."""

if __name__ == "__main__":
    from ops.__main__ import app

    app(prog_name="python -m consumer")
