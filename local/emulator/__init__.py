"""AWS on this machine: an embedded emulator, and Lambda's Kinesis event source mapping."""
