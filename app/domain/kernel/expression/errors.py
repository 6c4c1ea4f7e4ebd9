"""Why an expression is refused. The message tells its author what to do."""


class ExpressionError(Exception):
    """`position` and `end` are offsets in characters; `suggestion` is the nearest name that the author may use."""

    def __init__(
        self,
        code: str,
        message: str,
        position: int,
        end: int,
        *,
        found: str | None = None,
        expected: str | None = None,
        suggestion: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.position = position
        self.end = end
        self.found = found
        self.expected = expected
        self.suggestion = suggestion
