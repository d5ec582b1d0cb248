"""Connection: one client from its hello to its end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, final

from websockets.exceptions import ConnectionClosed

from agent.errors import AgentError
from agent.live.admission import Pace
from agent.live.asked import Do, Hello, asked_of
from agent.live.camera_link import CameraLink
from agent.live.client_orders import Orders
from agent.live.ledger import credit_of, hold_back_ms
from agent.live.outgoing import Outgoing
from agent.live.show import BusyError
from agent.live.wire import (
    FAULT,
    NORMAL,
    POLICY,
    TRY_LATER,
    Done,
    Refused,
    Welcome,
    WireError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from agent.frames.encoded import EncodedPacket
    from agent.live.house import House
    from agent.live.show import CameraHello, Show
    from agent.live.socket import Socket

_log = logging.getLogger(__name__)

_GREETING_S = 1.0
"""Between two words of welcome where nothing is shown. Chosen: the page waits 5 s."""
_GOODBYE_S = 1.0
"""What telling a client why, and closing, may take; then it is cut off. Chosen, not measured."""


@final
class Connection:
    """One client, on the event loop's thread.

    Args:
        socket: its open web socket.
        house: what is shown here, and to whom.
    """

    def __init__(self, socket: Socket, house: House) -> None:
        self._socket, self._house = socket, house
        self._loop = asyncio.get_running_loop()

    async def serve(self) -> None:
        """From its hello to its end; raises nothing."""
        inside = self._house.inside
        inside.add(self)
        try:
            await self._come_in()
        except ConnectionClosed:
            return
        except BusyError as busy:
            await self._close(
                TRY_LATER,
                Refused(why="busy", text=str(busy), clients=busy.clients, limit=busy.limit),
            )
        except WireError as error:
            await self._close(error.code, Refused(why=error.why, text=error.text))
        except Exception:  # noqa: BLE001 whatever it was, other clients go on
            _log.exception("a client's connection failed")
            await self._close(FAULT, None)  # nothing refuses it: it may come again
        finally:
            inside.discard(self)

    async def _come_in(self) -> None:
        if (others := len(self._house.inside) - 1) >= self._house.limits.connections:
            raise WireError(TRY_LATER, f"{others} are connected already", "limit")
        hello = await self._hello()
        if hello.camera is None:
            await self._watch(hello)
        else:
            await self._be_camera(hello, hello.camera.hello())

    async def _hello(self) -> Hello:
        limit_s = self._house.limits.hello_s
        try:
            message = await asyncio.wait_for(self._socket.recv(), limit_s)
        except asyncio.TimeoutError:
            raise WireError(POLICY, f"no hello came within {limit_s:g} s") from None
        hello = asked_of(message) if isinstance(message, str) else None
        if not isinstance(hello, Hello):
            raise WireError(POLICY, "the hello comes first")
        if not self._house.admission.knows_token(hello.token):
            raise WireError(POLICY, "this is not the token, which is needed here", "token")
        return hello

    async def _watch(self, hello: Hello) -> None:
        counts = self._house.counts
        counts.watching += 1
        try:
            if hello.stream is None and not self._house.shows():
                await _until_first(
                    self._greet_until_something_is_shown(),
                    self._listen(self._do_nothing),
                    self._cut_off_when_silent(),
                )
            await self._show(self._chosen(hello.stream), hello, None)
        finally:
            counts.watching -= 1

    def _chosen(self, name: str | None) -> Show:
        shows = self._house.shows()
        show = next(iter(shows.values()), None) if name is None else shows.get(name)
        if show is None:
            known = ", ".join(shows) or "none"
            raise WireError(POLICY, f"no such stream is shown here; there is: {known}", "stream")
        return show

    async def _greet_until_something_is_shown(self) -> None:
        """The page can be a camera meanwhile, and takes whoever says nothing for gone."""
        while not self._house.shows():
            await self._socket.send(str(self._welcome(None)))
            await self._socket.ping()
            await asyncio.sleep(_GREETING_S)

    async def _do_nothing(self, asked: Do) -> None:
        await self._socket.send(str(Done(id=asked.id, error="nothing is shown here yet")))

    async def _be_camera(self, hello: Hello, offer: CameraHello) -> None:
        house = self._house
        if house.cameras is None:
            raise WireError(POLICY, "no cameras are taken here", "camera")
        if not house.admission.may_be_camera(self._socket.remote_address[0]):
            text = "a camera's pictures are not taken in the clear: open the page by https"
            raise WireError(POLICY, text, "insecure")
        link = CameraLink(
            Pace(house.limits.pictures_per_s, "pictures", self._loop.time), house.counts
        )
        try:
            opening = self._loop.run_in_executor(house.opening, house.cameras.open, offer, link)
            camera = await opening
        except AgentError as error:
            raise WireError(POLICY, str(error), "camera") from error
        house.counts.cameras += 1
        house.guests.append(camera.show)
        try:
            link.camera = camera
            await self._show(camera.show, hello, link)
        finally:
            link.close()
            house.guests.remove(camera.show)
            house.counts.cameras -= 1
            await self._loop.run_in_executor(house.opening, camera.close, "its client has gone")

    async def _show(self, show: Show, hello: Hello, link: CameraLink | None) -> None:
        house = self._house
        outgoing = Outgoing(
            self._socket,
            show,
            is_fmp4=hello.as_ == "fmp4",
            number_of=_no_number if link is None else link.number_of,
            counts=house.counts,
        )
        try:
            outgoing.say(self._welcome(show))
            if link is not None:
                link.tell = outgoing.say
            orders = Orders(show.do, house.obeying, outgoing.say)
            await _until_first(
                outgoing.run(),
                self._pictures(_no_camera if link is None else link.push),
                self._listen(orders.take),
                orders.obey(),
                self._cut_off_when_silent(),
            )
        finally:
            self._socket.take = None
            outgoing.close()

    async def _pictures(self, push: Callable[[bytes], None]) -> None:
        """Hand on a camera's pictures as they come: no task has to be woken for each."""
        failed: asyncio.Future[None] = self._loop.create_future()

        def take(message: bytes) -> None:
            if failed.done():
                return
            try:
                push(message)
            except Exception as error:  # noqa: BLE001 whatever it was, `serve` says what to do
                failed.set_exception(error)

        self._socket.take = take
        await failed

    def _welcome(self, show: Show | None) -> Welcome:
        house = self._house
        state = None if show is None else show.state()
        credit = credit_of(state)
        return Welcome(
            streams=list(house.shows()),
            stream=None if show is None else show.name,
            clients=house.counts.cameras,
            limit=0 if house.cameras is None else house.cameras.limit,
            every=None if state is None else state.every,
            latency=None if state is None else state.latency,
            hold_back_ms=hold_back_ms(state),
            most_untaken=credit.most_untaken,
            most_age_ms=credit.most_age_ms,
            most_late_ms=credit.most_late_ms,
        )

    async def _listen(self, order: Callable[[Do], Awaitable[None]]) -> None:
        pace = Pace(self._house.limits.texts_per_s, "texts", self._loop.time)
        while True:
            message = await self._socket.recv()
            if isinstance(message, bytes):  # which came before pictures were taken
                (self._socket.take or _no_camera)(message)
                continue
            pace.count()
            asked = asked_of(message)
            if not isinstance(asked, Do):
                raise WireError(POLICY, "the hello comes once")
            await order(asked)

    async def _cut_off_when_silent(self) -> None:
        """A client whose network vanished says no good-bye, and one that is stopped nothing."""
        idle_s = self._house.limits.idle_s
        while (left := self._socket.heard_at + idle_s - self._loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)  # for nothing that happens
        self._socket.transport.abort()

    async def _close(self, code: int, refused: Refused | None) -> None:
        """Tell why, and close; a client that doesn't read is cut off."""
        if code != NORMAL:
            self._house.counts.refused[refused.why if refused else "fault"] += 1
        try:
            await asyncio.wait_for(self._say_goodbye(code, refused), _GOODBYE_S)
        except (asyncio.TimeoutError, ConnectionClosed):
            self._socket.transport.abort()

    async def _say_goodbye(self, code: int, refused: Refused | None) -> None:
        if refused is not None:
            await self._socket.send(str(refused))
        await self._socket.close(code, refused.why if refused else "fault")


def _no_camera(_message: bytes) -> None:
    raise WireError(POLICY, "only a camera sends pictures")


def _no_number(_packet: EncodedPacket) -> int:
    """Of a stream that is no camera's of the client's."""
    return 0


async def _until_first(*works: Coroutine[None, None, None]) -> None:
    """Work at all until one ends; raises what that raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for task, end in zip(tasks, ended, strict=True):
        if task in done and isinstance(end, BaseException):
            raise end
