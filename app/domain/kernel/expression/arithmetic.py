"""Which operations there are, and how large their results may become."""

from collections.abc import Mapping

from app.domain.kernel.expression.tree import Arithmetic, Call, Choice, Negated, Operation, Slot, Type, Value

RESULTS: Mapping[tuple[Operation, Type, Type], Type] = {
    **{(operation, Type.number, Type.number): Type.number for operation in Operation},
    (Operation.add, Type.text, Type.text): Type.text,
    (Operation.add, Type.timestamp, Type.duration): Type.timestamp,
    (Operation.subtract, Type.timestamp, Type.duration): Type.timestamp,
    (Operation.subtract, Type.timestamp, Type.timestamp): Type.duration,
}
_GROWING = frozenset({Operation.multiply, Operation.divide})
_BY_ZERO = frozenset({Operation.divide, Operation.remainder})


def may_be_null(operation: Operation, left: Value, right: Value) -> bool:
    """A divisor may be zero, and a moment may leave the calendar."""
    return left.nullable or right.nullable or operation in _BY_ZERO or right.type is Type.duration


def factors(value: Value) -> int:
    """How many fields and literals were multiplied at most; each brings up to 50 digits."""
    match value:
        case Arithmetic(operation, left, right):
            sides = factors(left), factors(right)
            return sum(sides) if operation in _GROWING else max(sides)
        case Negated(inner):
            return factors(inner)
        case Call(_, arguments):
            return max((factors(one) for one in arguments), default=1)
        case Choice(_, then, otherwise):
            return max(factors(then), factors(otherwise))
        case _:
            return 1


def is_written_out(value: Value) -> bool:
    """Whether it is a literal, or a choice between some."""
    if isinstance(value, Choice):
        return is_written_out(value.then) and is_written_out(value.otherwise)
    return isinstance(value, Slot)
