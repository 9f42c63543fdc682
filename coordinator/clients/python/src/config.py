"""`from src.config import Config`: the classic spelling; see labhub.classic."""

from labhub.classic import Config

__all__ = ["Config"]
