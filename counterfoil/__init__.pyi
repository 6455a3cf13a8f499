from counterfoil.rehearsal.rehearse import rehearse

__all__ = ["rehearse"]
__version__: str
