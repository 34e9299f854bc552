"""The Lambda function: learns each signal of a Kinesis stream with a River model of its own."""
