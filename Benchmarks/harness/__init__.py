"""What Benchmarks/compare and Benchmarks/smoke share. Python's standard library only."""
