"""Carrying the outbox while the screen is open: in the background, at once when asked, not at all when offline.

What came of it is told where the person is; how it is done is `device.tui.link`'s.
"""

from typing import TYPE_CHECKING

from textual import work

from device.errors import DeviceError
from device.tui.door import Door
from device.tui.ground import Ground

if TYPE_CHECKING:  # loaded behind the first frame
    from device.agent import Step
    from device.sending import SendResult
    from device.tui.link import Link


class Carrying(Ground):
    """An app with a link.

    Args:
        door: the way to the device.
        carry: whether to carry the outbox in the background; a picture does not.
    """

    link: "Link"

    def __init__(self, door: Door, *, carry: bool) -> None:
        super().__init__(door)
        self.sending = False
        #: How far *Send now* has got, in words.
        self.so_far = ""
        self.last_send: SendResult | None = None
        self._carry = carry
        self._last_fault = ""

    @work(group="link", exclusive=True)
    async def _start_carrying(self) -> None:
        await self.link.carry(self._heard)

    def _heard(self, news: "Step | DeviceError") -> None:
        fault = str(news) if isinstance(news, DeviceError) else ""
        if isinstance(news, DeviceError) and fault != self._last_fault:
            self.tell(news)
        self._last_fault = fault
        if not isinstance(news, DeviceError) and (news.settled or news.changes):
            if news.settled and self.last_send is not None and self.last_send.error:
                self.last_send = None  # what could not be sent then was answered since
            self._tell_tidings()
        if not isinstance(news, DeviceError) and news.settled:
            self.unsay("saved")
        self.refresh_page()

    @work(group="tidings")
    async def _tell_tidings(self) -> None:
        """What came back, or was decided, while the person looked at something else."""
        try:
            for sentence in await self.pages.news_of_commands():
                self.say(sentence)
        except DeviceError as error:
            self.tell(error)

    @work(group="go")
    async def action_work(self, link: str) -> None:
        """Work offline or online from now on."""
        online = link == "online"
        if not online:
            self.workers.cancel_group(self, "link")
        try:
            await self.link.go(online=online)
        except DeviceError as error:
            self.tell(error)
            return
        finally:
            if not online and self._carry:
                self._start_carrying()
        self.say("Working online." if online else "Working offline. Everything you confirm is kept here.", "link")
        self.refresh_page()

    def send_now(self) -> None:
        """Send what waits, now; the result is told item by item."""
        if self.sending:
            self.say("Sending already.")
            return
        self.sending, self.so_far = True, ""
        self.pages.show_sending()
        self._send_now()

    @work(group="link")
    async def _send_now(self) -> None:
        try:
            course = self.pages.course()
            self.last_send = await self.link.send_now(lambda step: self._sent(course.words(step)))
        except DeviceError as error:
            self.tell(error)
        else:
            if not self.pages.tell_of_sending:
                self.say(self.last_send.words())
            self._tell_tidings()
        finally:
            self.sending = False
        self.pages.show_sending()
        self.refresh_page()

    def _sent(self, so_far: str) -> None:
        self.so_far = so_far or self.so_far
        self.pages.show_sending()
