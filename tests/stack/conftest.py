"""Before anything imports CDK's libraries, the stack says which Node.js they run on."""

import stack  # noqa: F401  for its effect
