"""Development tools: local environment, demo, generators, conformance runner, benchmarks."""
