"""A plant's rate to what it takes of AWS: limits, quantities, dollars."""
