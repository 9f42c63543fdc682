"""The classic spellings `src.bioreactor`, `src.utils` and `src.config`; see labhub.classic."""
