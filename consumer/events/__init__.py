"""What leaves the function: events, mute marks, quarantined records."""
