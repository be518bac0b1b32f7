"""The value templates that people write in Home Assistant, as JSON pointers. Pure.

Only templates that take one value out of a message are understood; heatherd evaluates nothing.
"""

import re

_STEP = r"""(?:\.[A-Za-z_]\w*|\[\s*'[^'\[\]{}]*'\s*\]|\[\s*"[^"\[\]{}]*"\s*\]|\[\s*\d{1,4}\s*\])"""
_FILTER = r"(?:\|\s*(?:float(?:\(\s*-?[\d.]*\s*\))?|round(?:\(\s*\d?\s*\))?|is_defined)\s*)"
_TEMPLATE = re.compile(
    rf"\s*\{{\{{-?\s*(?:value|value_json(?P<steps>{_STEP}*))\s*{_FILTER}*-?\}}\}}\s*"
)
_EACH = re.compile(_STEP)
LONGEST_TEMPLATE = 200
"""What takes out one value is shorter."""


def pointer_of(template: str) -> str | None:
    """The JSON pointer (RFC 6901) that finds the template's value, "" for the whole message.

    None for a template that does more than that. A filter's default is ignored: where there is no
    number there is no value.
    """
    if not template.strip():
        return ""
    match = _TEMPLATE.fullmatch(template) if len(template) <= LONGEST_TEMPLATE else None
    if match is None:
        return None
    names = [_name(step) for step in _EACH.findall(match["steps"] or "")]
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def _name(step: str) -> str:
    """The key or index in `.name`, `['name']`, `["name"]` or `[0]`."""
    if step.startswith("."):
        return step[1:]
    inner = step[1:-1].strip()
    return inner[1:-1] if inner[0] in "'\"" else inner
