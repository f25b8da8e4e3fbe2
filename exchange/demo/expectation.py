"""A statement about the broker that either holds or ends the demo."""


class StepFailed(Exception):
    """Something that should be true is not."""

    def __init__(self, what: str, expected: object, seen: object) -> None:
        super().__init__(f"{what}\n  expected: {expected}\n  seen:     {seen}")


def expect(what: str, expected: object, seen: object) -> None:
    if expected != seen:
        raise StepFailed(what, expected, seen)
