"""Nothing here has doctests; a second import of these modules would register their states twice."""

collect_ignore_glob = ["*.py"]
