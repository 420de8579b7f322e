"""The template tag that gives a component a body: ``{% part "drawer" %}…{% put foot %}…{% endput %}{% endpart %}``.

What stands between the tags becomes ``body`` of ``components/NAME.html``; each ``put`` becomes a variable of its name.
The component sees these and the values named in the tag, nothing else of the page but request, user and platform name.
"""

import re
from typing import Any

from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.utils.safestring import SafeString

_NAME = re.compile(r"^[a-z][a-z_]*$")


class PutNode(Node):
    """A named piece of a part; it renders nothing where it stands."""

    def __init__(self, name: str, nodelist: NodeList) -> None:
        self.name = name
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:  # noqa: ARG002 - Django's signature
        """Return nothing: the part collects the piece."""
        return SafeString("")


class PartNode(Node):
    """A component with a body."""

    def __init__(self, name: FilterExpression, values: dict[str, FilterExpression], nodelist: NodeList) -> None:
        self.name = name
        self.values = values
        self.nodelist = nodelist
        self.puts = [node for node in nodelist if isinstance(node, PutNode)]

    def render(self, context: Context) -> SafeString:
        """Render the pieces in the page's context and the component around them in its own."""
        values: dict[str, Any] = {key: value.resolve(context) for key, value in self.values.items()}
        for put in self.puts:
            values[put.name] = put.nodelist.render(context)
        values["body"] = self.nodelist.render(context)
        assert context.template is not None
        template = context.template.engine.get_template(f"components/{self.name.resolve(context)}.html")
        for name in ("request", "user", "csrf_token", "platform_name"):
            if name in context:
                values.setdefault(name, context[name])
        return SafeString(template.render(context.new(values)))


def part(parser: Parser, token: Token) -> PartNode:
    """Compile ``{% part NAME key=value … %}…{% endpart %}``."""
    bits = token.split_contents()[1:]
    if not bits:
        raise TemplateSyntaxError("part needs the component's name")
    name = parser.compile_filter(bits.pop(0))
    values = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError(f"part takes key=value, not {bits[0]}")
    nodelist = parser.parse(("endpart",))
    parser.delete_first_token()
    return PartNode(name, values, nodelist)


def put(parser: Parser, token: Token) -> PutNode:
    """Compile ``{% put NAME %}…{% endput %}``."""
    bits = token.split_contents()
    if len(bits) != 2 or not _NAME.match(bits[1]):
        raise TemplateSyntaxError("put needs one name in small letters")
    nodelist = parser.parse(("endput",))
    parser.delete_first_token()
    return PutNode(bits[1], nodelist)


__all__ = ["PartNode", "PutNode", "part", "put"]
