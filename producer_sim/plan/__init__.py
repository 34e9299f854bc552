"""What AWS services a plant needs, what they cost a month, and which limit it reaches first."""
