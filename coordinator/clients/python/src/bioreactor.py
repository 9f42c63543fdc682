"""`from src.bioreactor import Bioreactor`: the classic spelling; see labhub.classic."""

from labhub.classic import Bioreactor

__all__ = ["Bioreactor"]
