"""Fields: values that know their derivatives.

Letters: n points. A derivative is named by the tuple of its coordinates, sorted in the domain's order: ``("x", "x")``.

A ``Field`` computes like its value. Its derivatives come from a closure, so the equation does not know who supplies
them. Any pointwise torch function of fields is a field again: its derivative is the forward-mode derivative of that
function along the derivatives of its arguments, which is the chain rule and may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from pinnlab.derivatives.directions import Direction, resolved
from pinnlab.derivatives.names import (
    OF_NUMPY,
    OF_TENSORS,
    OPERATORS,
    POINTWISE,
    POINTWISE_METHODS,
    REDUCTIONS,
    Key,
    NamedJet,
    UnknownNameError,
    meant_derivative,
    sort_key,
    split_derivative,
)
from pinnlab.derivatives.tensors import as_number, is_smooth, load_forward_mode, plain
from pinnlab.derivatives.vectors import Vector
from pinnlab.domains.columns import space_of

Operand: TypeAlias = "Field | Tensor | complex"
Watch: TypeAlias = "Callable[[Field, str], Field]"
"""Is asked for every derivative that an equation takes; it takes note, and gives ``expression.derived(coordinate)``."""


def _operator(function: Callable[..., Tensor]) -> Callable[[Field, Operand], Field]:
    return lambda field, other: NotImplemented if isinstance(other, Vector) else _apply(function, (field, other), {})


def _reflected(function: Callable[..., Tensor]) -> Callable[[Field, Operand], Field]:
    return lambda field, other: NotImplemented if isinstance(other, Vector) else _apply(function, (other, field), {})


def _unary(function: Callable[..., Tensor]) -> Callable[[Field], Field]:
    return lambda field: _apply(function, (field,), {})


class Field:
    """A value at n points together with its derivatives.

    ``u`` computes like its value; ``u.t``, ``u.xx``, ``u.xt`` and ``u.d("x", "t")`` are its derivatives. Pointwise
    functions are those of torch, ``torch.sin(u)`` or ``u.sin()``; type checkers know the second form only, as torch
    declares its functions for tensors.

    Args:
        value: (n,) tensor (any shape on a grid), or a function that reads it each time it is computed with.
        coordinates: the names by which one may differentiate, in the domain's order.
        derive: maps a coordinate's name to the derivative, a Field.
        name: how error messages call it.
        watch: is asked when it, or an expression of it, is differentiated.
    """

    __slots__ = ("_parts", "_value", "coordinates", "derived", "name", "precision", "watch")

    def __init__(
        self,
        value: Tensor | Callable[[], Tensor],
        coordinates: Key,
        derive: Callable[[str], Field],
        name: str = "expression",
        watch: Watch | None = None,
    ):
        self._value, self.coordinates, self.derived, self.name = value, coordinates, derive, name
        self.watch = watch
        self._parts: tuple[Field, Field] | None = None  # of a complex one that is made of two
        # of conditions, whose values are no floating-point numbers: the type of what they compare
        self.precision: torch.dtype | None = None

    @property
    def value(self) -> Tensor:
        """The (n,) tensor."""
        return self._value if isinstance(self._value, Tensor) else self._value()

    def d(self, *names: str | Direction) -> Field:
        """The derivative by the named coordinates, in any order: ``u.d("x", "x", "t")``; in conditions along ``n`` as well.

        Raises:
            ValueError: a name is not a coordinate.
        """
        if any(isinstance(name, Direction) for name in names):
            return resolved(self.d, names)
        for name in names:
            if name not in self.coordinates:
                raise UnknownNameError(
                    f"{self.name}.d({', '.join(map(repr, names))}): {name!r} is not a coordinate of this problem; "
                    f"the coordinates are {', '.join(self.coordinates)}."
                )
        result = self
        for name in sorted(map(str, names), key=self.coordinates.index):
            watch = result.watch
            slopes = [result.derived(name)] if watch is None else [watch(part, name) for part in _real(result)]
            result = slopes[0] if len(slopes) == 1 else complex_field(f"{result.name}.{name}", *slopes)
        return result

    @property
    def laplacian(self) -> Field:
        """The sum of the second derivatives by the coordinates of space; time is none of them."""
        first, *others = (self.d(name, name) for name in space_of(self.coordinates, f"{self.name}.laplacian"))
        return sum(others, first)

    @property
    def real(self) -> Field:
        """The real part."""
        return self._parts[0] if self._parts else _apply(torch.real, (self,), {})

    @property
    def imag(self) -> Field:
        """The imaginary part; zero of real values."""
        part = torch.imag if self.value.is_complex() else torch.zeros_like
        return self._parts[1] if self._parts else _apply(part, (self,), {})

    __add__, __radd__ = _operator(torch.add), _reflected(torch.add)
    __sub__, __rsub__ = _operator(torch.sub), _reflected(torch.sub)
    __mul__, __rmul__ = _operator(torch.mul), _reflected(torch.mul)
    __truediv__, __rtruediv__ = _operator(torch.true_divide), _reflected(torch.true_divide)
    __pow__, __rpow__ = _operator(torch.pow), _reflected(torch.pow)
    __lt__, __le__ = _operator(torch.lt), _operator(torch.le)
    __gt__, __ge__ = _operator(torch.gt), _operator(torch.ge)
    __hash__ = object.__hash__
    __and__, __rand__ = _operator(torch.logical_and), _reflected(torch.logical_and)
    __or__, __ror__ = _operator(torch.logical_or), _reflected(torch.logical_or)
    __invert__ = _unary(torch.logical_not)
    __neg__, __pos__, __abs__ = _unary(torch.neg), _unary(torch.positive), _unary(torch.abs)

    if TYPE_CHECKING:  # __getattr__ finds these, and only where they spell no derivative

        def _pointwise(self, *args: Any, **kwargs: Any) -> Field: ...

        abs = acos = asin = atan = clamp = cos = cosh = erf = exp = expm1 = log = log1p = log10 = neg = _pointwise
        pow = reciprocal = relu = rsqrt = sigmoid = sign = sin = sinc = sinh = sqrt = square = tan = tanh = _pointwise
        angle = ceil = conj = floor = int = long = round = trunc = _pointwise

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):
            raise AttributeError(name)
        names = split_derivative(name, self.coordinates)
        if names:
            return self.d(*names)
        if name in POINTWISE_METHODS:
            return _method(self, getattr(Tensor, name))
        raise UnknownNameError(self._no_attribute(name))

    def _no_attribute(self, name: str) -> str:
        """Why there is no such attribute, and what to write instead."""
        if name in OPERATORS:
            meant = OPERATORS[name].format(u=self.name)
            return f"{self.name}.{name}: there is no such derivative or function; write {meant}."
        if name in REDUCTIONS:
            return (
                f"{self.name}.{name}: neither a derivative (the coordinates are {', '.join(self.coordinates)}) nor a "
                f"pointwise function; {POINTWISE}."
            )
        if name in OF_TENSORS:
            return (
                f"{self.name}.{name}: {self.name} is a field, a value with derivatives, and no tensor; compute with it as "
                "it is, with torch functions such as torch.sin and torch.where."
            )
        stem = meant_derivative(name, self.name, self.coordinates)
        hint = f"; for a derivative write {self.name}.{stem}" if stem else ""
        return (
            f"{self.name}.{name}: neither a derivative (the coordinates are {', '.join(self.coordinates)}) nor a "
            f"pointwise function{hint}; write {self.name}.d('x', ...) for coordinates with longer names."
        )

    def __eq__(self, other: object) -> Any:
        return _apply(torch.eq, (self, other), {})

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Field:
        """NumPy's pointwise functions of fields are torch's of the same name."""
        function = getattr(torch, OF_NUMPY.get(ufunc.__name__, ufunc.__name__), None)
        if method != "__call__" or kwargs or not callable(function):
            raise TypeError(
                f"NumPy's {ufunc.__name__} cannot be applied to {self.name}, which has derivatives; use torch, such as "
                f"torch.sin({self.name})."
            )
        return _apply(function, tuple(v if isinstance(v, Field) else plain(v) for v in inputs), {})

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            f"{self.name} is a field and no NumPy array; use torch functions, which keep derivatives: "
            f"torch.sin({self.name})."
        )

    if not TYPE_CHECKING:  # type checkers refuse u(0.0), u[0] or float(u) because they know of none of these

        def __call__(self, *_: Any, **__: Any) -> Any:
            raise TypeError(
                f"{self.name}(...): a field cannot be called. An equation sees one point, and no other place or earlier "
                f"time: write {self.name} for the value, {self.name}.{self.coordinates[0]} without parentheses for a "
                "derivative; delays and shifts are not supported."
            )

        def __getitem__(self, index: Any) -> Any:
            raise TypeError(f"{self.name}[{index!r}]: {POINTWISE}.")

        def __len__(self) -> int:
            raise TypeError(f"len({self.name}): {POINTWISE}.")

        def __iter__(self) -> Any:
            raise TypeError(f"a loop over {self.name}: {POINTWISE}.")

        def _no_number(self) -> Any:
            raise TypeError(
                f"{self.name} holds many points and is no single number, as float(), int() and the functions of math ask "
                f"for; use torch functions, such as torch.sin({self.name}) instead of math.sin({self.name})."
            )

        __float__ = __int__ = __index__ = __complex__ = __round__ = _no_number

    @classmethod
    def __torch_function__(cls, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None):
        return _apply(func, args, kwargs or {})

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self.name} holds many points, so it is neither true nor false; use torch.where(condition, a, b) instead "
            "of if, and torch functions such as torch.maximum instead of max."
        )

    def __repr__(self) -> str:
        return f"Field({self.name}, {tuple(self.value.shape)})"


FIELD_NAMES = frozenset({name for name in dir(Field) if not name.startswith("_")} | POINTWISE_METHODS)
"""What ``u.name`` means of itself, so that no coordinate can be called so."""


def _real(field: Field) -> tuple[Field, ...]:
    """A field, or the two parts of a complex one."""
    return (field.real, field.imag) if field.value.is_complex() else (field,)


def _method(field: Field, function: Callable[..., Tensor]) -> Any:
    return lambda *args, **kwargs: _apply(function, (field, *args), kwargs)


def _apply(func: Callable, args: tuple, kwargs: dict) -> Field:
    """A pointwise function of fields as a field, differentiated by the chain rule on demand."""
    fields: list[Field] = []
    template, keywords = _collected(args, fields), {k: _collected(v, fields) for k, v in kwargs.items()}
    like, numbers = fields[0].value, [a for a in template if type(a) in (int, float, complex)]
    if numbers and not any(is_smooth(f.value) for f in fields):
        # beside conditions torch takes 0.1 to be float32, 9 * True to be True
        dtype = fields[0].precision
        template = tuple(as_number(a, dtype) if isinstance(a, float | complex) else a for a in template)
        if func in _BINARY:
            fields = [composed(lambda value: value.to(dtype), [f]) for f in fields]
            like = fields[0].value
    if template and isinstance(template[0], int | float | complex) and func in _BINARY:
        # torch.add(2.0, tensor) and its like want a tensor first; a single number may stay on the CPU
        template = (as_number(template[0], like.dtype), *template[1:])

    def compute(*values: Tensor) -> Tensor:
        return func(*_filled(template, values), **{k: _filled(v, values) for k, v in keywords.items()})

    if func in _STEPS:
        return _constant_pieces(compute, fields)
    return composed(compute, fields)


# not nested in _apply: functions that call themselves would keep all they see, graphs too, until garbage is collected
def _collected(value: Any, fields: list[Field]) -> Any:
    """An argument with slots in place of its fields, which are appended to ``fields``."""
    if isinstance(value, Field):
        fields.append(value)
        return _Slot(len(fields) - 1)
    if isinstance(value, list | tuple):
        return type(value)(_collected(v, fields) for v in value)
    if callable(value) and not isinstance(value, type):
        raise TypeError(
            "a function stands where a value belongs; write it with parentheses, such as u.sin() or psi.conj()."
        )
    return value


def _filled(value: Any, values: Sequence[Tensor]) -> Any:
    """The inverse, with the fields' values."""
    if isinstance(value, _Slot):
        return values[value.index]
    if isinstance(value, list | tuple):
        return type(value)(_filled(v, values) for v in value)
    return value


def _constant_pieces(compute: Callable[..., Tensor], fields: Sequence[Field]) -> Field:
    """A function that is constant almost everywhere, and for which torch knows no derivative."""

    def derive(name: str) -> Field:
        return composed(torch.zeros_like, [result])

    value = compute(*(f.value.detach() for f in fields))
    result = Field(value, fields[0].coordinates, derive, watch=fields[0].watch)
    return result


def composed(compute: Callable[..., Tensor], fields: Sequence[Field]) -> Field:
    """A pointwise torch function of fields as a field, differentiated by the chain rule."""
    coordinates, count = fields[0].coordinates, len(fields)

    def derive(name: str) -> Field:
        load_forward_mode()
        # a condition, as in torch.where(u > 0, ...), is constant almost everywhere
        smooth = [i for i, f in enumerate(fields) if is_smooth(f.value)]
        if not smooth:
            return composed(lambda *values: torch.zeros_like(compute(*values)), fields)
        # not by ``d``: the chain rule differentiates parts, the equation the whole
        tangents = [fields[i].derived(name) for i in smooth]

        def tangent(*values: Tensor) -> Tensor:
            def along(*moving: Tensor) -> Tensor:
                filled = list(values[:count])
                for i, value in zip(smooth, moving, strict=True):
                    filled[i] = value
                return compute(*filled)

            primal = tuple(values[i] for i in smooth)
            direction = tuple(v.expand_as(p) for v, p in zip(values[count:], primal, strict=True))
            return torch.func.jvp(along, primal, direction)[1]

        return composed(tangent, [*fields, *tangents])

    value = compute(*(f.value for f in fields))
    if not isinstance(value, Tensor):
        raise TypeError(f"a function of {fields[0].name} returned {type(value).__name__}, no tensor: {POINTWISE}.")
    node = Field(value, coordinates, derive, watch=fields[0].watch)
    if not is_smooth(value):
        node.precision = next((f.value.dtype for f in fields if is_smooth(f.value)), fields[0].precision)
    return node


class _Slot:
    """The place of a field among a function's arguments."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


_STEPS = frozenset({torch.heaviside})
_BINARY = frozenset({torch.add, torch.sub, torch.mul, torch.true_divide, torch.pow})


def unknown_field(name: str, jet: NamedJet, coordinates: Key, key: Key = (), watch: Watch | None = None) -> Field:
    """The field of an unknown whose derivatives stand in ``jet``.

    ``jet[key]`` is looked up only for derivatives that are asked for, so a recording mapping learns what is used.
    """

    def derive(coordinate: str) -> Field:
        return unknown_field(name, jet, coordinates, sort_key((*key, coordinate), coordinates), watch)

    label = name + ("." + "".join(key) if key else "")
    # read when it is computed with: u.xx does not use u.x
    return Field(lambda: jet[key], coordinates, derive, label, watch)


def complex_field(name: str, real: Field, imag: Field) -> Field:
    """The field real + i imag of two fields with the same coordinates; its derivatives are made of theirs."""

    def derive(coordinate: str) -> Field:
        return complex_field(f"{name}.{coordinate}", real.derived(coordinate), imag.derived(coordinate))

    made = Field(lambda: torch.complex(real.value, imag.value), real.coordinates, derive, name, real.watch)
    made._parts = (real, imag)
    return made


def coordinate_field(name: str, value: Tensor, coordinates: Key, watch: Watch | None = None) -> Field:
    """A coordinate as a field: its derivative by itself is one, by the others zero."""

    def constant(number: float) -> Field:
        return Field(torch.full_like(value, number), coordinates, lambda _: constant(0.0), str(number))

    return Field(value, coordinates, lambda by: constant(1.0 if by == name else 0.0), name, watch)


def as_value(result: Any) -> Any:
    """Strip a Field to its tensor; other values pass."""
    return result.value if isinstance(result, Field) else result
