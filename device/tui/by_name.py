"""Everything that a key does, also by its name: the palette, made from the bindings themselves."""

from collections.abc import Iterable
from typing import Any

from textual.actions import parse
from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from device.tui.entrance import Entrance
from device.tui.screens.keys import bindings_of, key_name


class ByName(Entrance):
    """An app whose keys can be found by what they do."""

    def get_key_display(self, binding: Binding) -> str:
        """Keys are called the same in the footer and in the list of keys."""
        return key_name(binding.key)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything that a key does, also by name."""
        offered: set[str] = set()
        for node in (screen, self):
            for binding in bindings_of(type(node)):
                title = binding.tooltip or binding.description
                if title not in offered and self._is_on_offer(node, binding):
                    offered.add(title)
                    why = self.why_not(node, binding)
                    says = f"{f'Not now: {why}' if why else self._what(node, binding)} Key: {key_name(binding.key)}"
                    yield SystemCommand(title, says, lambda b=binding, n=node: self._run(b, n))

    def _owner(self, node: DOMNode, binding: Binding) -> tuple[DOMNode, str, tuple[object, ...]]:
        where, name, parameters = parse(binding.action)
        return (self if where == "app" else node), name, parameters

    def _is_on_offer(self, node: DOMNode, binding: Binding) -> bool:
        owner, name, parameters = self._owner(node, binding)
        return bool(owner.check_action(name, parameters))

    def _what(self, node: DOMNode, binding: Binding) -> str:
        owner, name, _ = self._owner(node, binding)
        return (getattr(owner, f"action_{name}").__doc__ or "").partition("\n")[0]

    def why_not(self, node: DOMNode, binding: Binding) -> str | None:
        """Why what the key of `node` does cannot be done now; None if it can, or if `node` does not know."""
        cannot = getattr(node, "cannot", None)
        return cannot().get(binding.action) if cannot else None

    async def _run(self, binding: Binding, node: DOMNode) -> None:
        await self.run_action(binding.action, node)
