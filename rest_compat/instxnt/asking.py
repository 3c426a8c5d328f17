"""What the guard hands to every handler."""

from dataclasses import dataclass

from resolvers.context import Context
from resolvers.errors import NotFound


@dataclass(slots=True)
class Asking(Context):
    """A request's context, and the row that its path names."""

    subject_key: int | None = None

    @property
    def subject(self) -> int:
        """The key of the store, the order or the job in the path. Who asks may see it."""
        if self.subject_key is None:
            raise NotFound("resource")
        return self.subject_key
