"""Why an operation runs on the reference executor instead."""


class Uncompilable(Exception):
    """The operation holds what no plan can be made of; ``reason`` is one of few short texts."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Irregular(Exception):
    """There is a plan, but this request is not for it: an error is to be reported, most likely."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
