"""What companies with rules for their accounts set: who is called, what is logged, who may write models."""
