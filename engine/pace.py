"""How long something takes that is run again and again, lately."""

from math import inf

TIMED = 8
"""Every so many runs are timed."""
SLOWER, FASTER = 0.25, 0.5
"""How much the last one counts: machines are slow at times for reasons of their own."""
LIGHT = 0.01
"""Seconds: what takes less is read without a thread's help, see ``SqliteDriver``.

With it most pages take half as long again, so this is well above what they take on slow machines:
who is close to it is sent to and fro.
"""


class Pace:
    """``seconds`` of CPU time a run; beyond all measure until one has been timed."""

    __slots__ = ("_runs", "seconds")

    def __init__(self) -> None:
        self.seconds = inf
        self._runs = 0

    @property
    def is_light(self) -> bool:
        return self.seconds < LIGHT

    def is_timed(self) -> bool:
        """Whether the run that begins now is one to be noted.

        The first one never is: it builds the statements, which no other has to.
        """
        self._runs += 1
        return self._runs > 1 and (self.seconds == inf or not self._runs % TIMED)

    def note(self, seconds: float) -> None:
        known = self.seconds
        if known == inf:
            self.seconds = seconds
        else:
            self.seconds += (seconds - known) * (SLOWER if seconds > known else FASTER)
