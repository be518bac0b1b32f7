"""Controller and simulator together: demo, simulate, benchmarks."""
