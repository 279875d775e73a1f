"""The sandbox: jinja2 that reaches nothing but a row's data, and counts its steps.

An ImmutableSandboxedEnvironment, tightened: attributes are data or methods of a short list, every
operator and filter keeps the limits, and a row is never changed. Lists and objects that a template
makes for itself may grow, since promptsource's templates collect with `append`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, missing

from selfinstruct.templates.filters import filters_of, listed
from selfinstruct.templates.limits import Stopped, Work
from selfinstruct.templates.operators import calculated, called, method_of

_OF_A_LOOP = frozenset(
    "depth depth0 first index index0 last length nextitem previtem revindex revindex0".split()
)


class Missing(Undefined):
    """A value that is not there. Inside a list its text is Undefined."""

    __slots__ = ()
    is_data = True

    def check(self, *, is_strict: bool) -> None:
        """Raises Stopped for a field that the row lacks; if strict, for a field's part as well."""
        if self._undefined_obj is missing:
            raise Stopped("unknown_field", f"the row has no field {self._undefined_name!r}")
        if is_strict:
            raise Stopped("undefined", self._undefined_message)


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles templates, and renders them, a row at a time."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        self.work, self.is_strict = Work(), False
        self.chance: Callable[[], Random] = lambda: Random(0)
        super().__init__(
            undefined=Missing, finalize=self._text, optimized=False, autoescape=False, cache_size=0
        )
        self.filters = filters_of(self.work, self._chance)
        self.filters |= {
            "_given": _given,
            "_made": self._made,
            "_counted": self._counted,
            "_weighed": self._weighed,
            "_joined": self._joined,
            "_chosen": self._chosen,
        }
        self.globals = {}

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions that a template may call, by name."""
        return {"range": self._range, "zip": self._zip, "namespace": Namespace}

    # ------------------------------------------------ data

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A method of the short list, or a value: `value.name`."""
        method = method_of(obj, attribute)
        if method is not None:
            return method
        if isinstance(obj, LoopContext):
            return getattr(obj, attribute) if attribute in _OF_A_LOOP else self.undefined(obj=obj)
        if isinstance(obj, Namespace):
            return getattr(obj, attribute, self.undefined(obj=obj, name=attribute))
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A value of the row: `value[argument]`."""
        if isinstance(argument, Undefined):
            self._check_known(argument)
        if isinstance(obj, (str, list, tuple, dict)):
            try:
                found = obj[argument]
            except (TypeError, LookupError):
                return self.undefined(obj=obj, name=argument)
            if isinstance(argument, slice):
                self.work.weigh(found)
            return found
        if isinstance(obj, Undefined):
            self._check_known(obj)
            return obj[argument]  # raises UndefinedError
        return self.undefined(obj=obj, name=argument)

    # ------------------------------------------------ work

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculated(self.work, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063
        for name in ("_loop_vars", "_block_vars"):  # of the compiled code
            kwargs.pop(name, None)
        if __obj is Namespace:
            return Namespace(*args, **kwargs)
        if getattr(__obj, "__self__", None) is __self:
            return __obj(*args, **kwargs)
        method = method_of(getattr(__obj, "__self__", None), getattr(__obj, "__name__", ""))
        if method is None:
            if isinstance(__obj, Undefined):
                __self._check_known(__obj)
                __obj()  # raises UndefinedError
            raise SecurityError(f"{type(__obj).__name__} cannot be called")
        return called(__self.work, method, args, kwargs)

    def _chance(self) -> Random:
        return self.chance()

    def _range(self, *bounds: int) -> list[int]:
        numbers = range(*bounds)
        self.work.make_list(max(len(numbers), 0))
        return list(numbers)

    def _zip(self, *several: Any) -> list[tuple[Any, ...]]:
        rows = list(zip(*(listed(self.work, each) for each in several), strict=False))
        self.work.look(rows)
        return rows

    def _counted(self, items: Any, weight: int) -> list[Any]:
        """The items of a loop, whose steps are spent beforehand."""
        if isinstance(items, Undefined):
            self._check_known(items)
            return []
        found = listed(self.work, items)
        self.work.spend(weight * len(found))
        return found

    def _weighed(self, value: Any) -> Any:
        """A value inside a loop, which may be read many times."""
        self.work.weigh(value)
        return value

    def _made(self, value: Any) -> Any:
        """A value that a template has made, or compares. Nested in itself, it may be endless."""
        if isinstance(value, (list, tuple, dict)):
            self.work.look(value)
        return value

    def _joined(self, parts: list[Any]) -> str:
        texts = [self._text(part) for part in parts]
        self.work.make_room(sum(map(len, texts)))
        return "".join(texts)

    def _chosen(self, choices: Any, number: Any, is_label: bool) -> Any:
        """`answer_choices[number]`. A label of -1 means none, and would give the last."""
        found = self.getitem(choices, number)
        is_missing = isinstance(found, Undefined) or (is_label and number == -1)
        if is_missing and isinstance(choices, list):
            raise Stopped("no_label", f"there is no answer_choices[{number}]")
        return found

    def _text(self, value: Any) -> str:
        """The text of a value in the output."""
        if type(value) is str:
            self.work.spend(1 + len(value) // 64)
            return value
        if isinstance(value, Undefined):
            self._check_known(value)
            return str(value)
        if self.is_strict:
            self._check_text(value)
        self.work.make_room(self.work.size_of(value))
        return str(value)

    @staticmethod
    def _check_text(value: Any) -> None:
        """Raises Stopped for a value that has no text of its own."""
        if value is None:
            raise Stopped("missing_value", "a value that is printed is null in this row")
        if isinstance(value, (list, tuple, dict)):
            kind = "an object" if isinstance(value, dict) else "a list"
            raise Stopped("no_text", f"{kind} has no text: print its parts, or join(', ')")

    def _check_known(self, value: Undefined) -> None:
        if isinstance(value, Missing):
            value.check(is_strict=self.is_strict)


def _given(value: Any, name: str) -> Any:
    """A field that is printed alone."""
    if value is None:
        raise Stopped("missing_value", f"{name!r} is null in this row")
    return value
