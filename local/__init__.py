"""The whole pipeline on one machine: embedded AWS and Kinesis event source mapping."""
