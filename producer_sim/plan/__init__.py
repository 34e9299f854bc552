"""What a plant takes of AWS: limits, quantities, dollars."""
