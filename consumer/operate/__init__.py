"""Commands by which operators look in and set right, as `python -m consumer signals`. Not in the asset."""
