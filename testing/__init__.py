"""What tests share: time, servers, doubles and builders. Imported by tests only; never shipped."""
