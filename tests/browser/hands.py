"""Two ways to do the same on a page: with a pointer, and with the keyboard alone."""

from __future__ import annotations

from typing import Any

from tests.browser.visitor import Visitor


class Pointer:
    """Clicks and taps."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page

    def press(self, what: Any) -> None:
        """Use a link or a button."""
        what.first.click()

    def choose(self, select: Any, value: str) -> None:
        """Choose an option by its words."""
        select.select_option(value)

    def write(self, field: Any, text: str) -> None:
        """Fill a field."""
        field.fill(text)


class Keyboard(Pointer):
    """Tab, Enter and letters; nothing is ever clicked."""

    def __init__(self, visitor: Visitor) -> None:
        super().__init__(visitor)
        self.reach = visitor.tab_to

    def press(self, what: Any) -> None:
        """Use a link or a button."""
        self.reach(what)
        self.page.keyboard.press("Enter")

    def choose(self, select: Any, value: str) -> None:
        """Choose an option by typing its words."""
        self.reach(select)
        self.page.keyboard.type(value)

    def write(self, field: Any, text: str) -> None:
        """Fill a field that may have something in it."""
        self.reach(field)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)
