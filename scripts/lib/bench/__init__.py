"""What scripts/bench measures: one module each, with `measure()` → (figures, [(aim's name, value, operator, target)])."""
