from counterfoil.rehearsal.rehearse import rehearse
from counterfoil.roles.recipient.results import open_results as open

__all__ = ["open", "rehearse"]
__version__: str
