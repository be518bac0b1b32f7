"""Pure mathematics of the plan: arrays and frozen types in, the same out. No clock, no I/O."""
